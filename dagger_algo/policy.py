"""What an algorithm may ask of a policy, and of a policy that learns."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from dagger_algo.conversation import Action, Conversation
from dagger_algo.examples import Example, Top
from dagger_algo.objectives import CrossEntropy, Objective


class Policy(Protocol):
    """Anything that acts: a model, a table, a script, a person, a server."""

    def act(self, conversations: Sequence[Conversation]) -> list[Action | None]:
        """One action per conversation, in order. None means "no answer": a teacher that failed
        or refused loses that label; a student never answers None."""
        ...


class Scorer(Protocol):
    """A policy that says how likely an action is, token by token."""

    def score(self, examples: Sequence[Example]) -> list[list[tuple[float, ...] | None]]:
        """For each example and each of its targets, in order: the log-probability of each token of
        the target's action in its state, nats; None where that is longer than the context."""
        ...


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a policy thinks of one action.

    logprobs: of each of its tokens, end-of-turn token included, nats. entropies: of the policy's
    own distribution in each token's place, nats. top: its likeliest tokens there, () where none
    were asked for.
    """

    logprobs: tuple[float, ...]
    entropies: tuple[float, ...]
    top: tuple[Top, ...] = ()


class Adviser(Scorer, Protocol):
    """A `Scorer` that says more: how sure it is, and what it would rather have said."""

    def opinions(self, examples: Sequence[Example], *, top: int = 0) -> list[list[Opinion | None]]:
        """As `score`. top: likeliest tokens to name in every token's place."""
        ...


class Student(Policy, Protocol):
    """A policy that can be trained and evaluated."""

    def frozen(self) -> Scorer:
        """The policy as it is now, which later updates leave alone: a reference to stay near."""
        ...

    def greedy(self) -> Policy:
        """The same weights without exploration; follows later updates."""
        ...

    def update(
        self,
        examples: Iterable[Example],
        *,
        epochs: int = 1,
        objective: Objective = CrossEntropy(),
        rate: float = 1.0,
    ) -> Mapping[str, float]:
        """Fit to (state, action, weight) triples; returns figures for the log: at least
        "loss", "steps" (optimizer steps) and "tokens" (tokens processed).

        rate: times the student's own learning rate; reinforcement's steps are noisier than
        imitation's and want less.
        """
        ...

    def count_tokens(self, text: str) -> int:
        """Length of a text in this policy's own tokens: the unit of the teacher budget."""
        ...

    def save(self, folder: Path) -> None:
        """Write a checkpoint that `load` of the same class can read."""
        ...

    def save_state(self, folder: Path) -> None:
        """Write everything that training goes on from: weights, optimizer, random streams."""
        ...

    def load_state(self, folder: Path) -> None:
        """Go back to what `save_state` wrote; raises CheckpointError when it does not fit."""
        ...
