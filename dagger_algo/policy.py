"""What an algorithm may ask of a policy, and of a policy that learns."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal, Protocol

from dagger_algo.conversation import Action, Conversation
from dagger_algo.examples import Example

Loss = Literal["cross_entropy", "policy_gradient"]


class Policy(Protocol):
    """Anything that acts: a model, a table, a script, a person, a server."""

    def act(self, conversations: Sequence[Conversation]) -> list[Action | None]:
        """One action per conversation, in order. None means "no answer": a teacher that failed
        or refused loses that label; a student never answers None."""
        ...


class Student(Policy, Protocol):
    """A policy that can be trained and evaluated."""

    def greedy(self) -> Policy:
        """The same weights without exploration; follows later updates."""
        ...

    def update(
        self, examples: Iterable[Example], *, epochs: int = 1, loss: Loss = "cross_entropy"
    ) -> Mapping[str, float]:
        """Fit to (state, action, weight) triples; returns figures for the log: at least
        "loss", "steps" (optimizer steps) and "tokens" (tokens processed)."""
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
