"""Episodes into (state, action, weight): the whole difference between the algorithms.

A trajectory is kept in one piece, with targets hung on its turns, because all its states share
their prefixes: a learner can then encode the trajectory once however many targets it carries.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat

from dagger_algo.conversation import Action, Actor, Conversation, Episode
from dagger_algo.errors import ConfigError

Top = tuple[tuple[int, float], ...]
"""A teacher's likeliest tokens at one position: pairs of id and log-probability, nats."""


@dataclass(frozen=True, slots=True)
class Target:
    """At turn `turn` (from 0) of the trajectory, raise the likelihood of `action`, `weight` times.

    weight: one for the whole action, or one for each of its tokens, end-of-turn token included; a
        negative weight lowers the likelihood (an advantage below zero).
    teacher_logprobs: log-probability of each of the action's tokens under the teacher, where the
        action is the student's own and the teacher gives an opinion instead of a label: the mixed
        losses estimate a divergence there.
    teacher_top: for each of the action's tokens the teacher's likeliest tokens in its place, any
        number: for the loss on top-k log-probabilities.
    reference_logprobs: log-probability of each of the action's tokens under a reference policy that
        the student is to stay close to, as `Scorer.score` gives them.
    scale: how much each of its tokens counts in the mean over all target tokens, whatever the loss
        makes of `weight`: this is how a mean over sequences, or division by a constant, is said.
    sequence: targets with the same name are one sequence where the loss is about sequences, even
        when the trajectory is learnt in pieces; by default a target is one of its own.

    What is per token is in tokens of the student's vocabulary: a teacher with another tokenizer
    gives text alone. A policy that knows no tokens takes an action as one token.
    """

    turn: int
    action: Action
    weight: float | tuple[float, ...]
    teacher_logprobs: tuple[float, ...] | None = None
    teacher_top: tuple[Top, ...] | None = None
    reference_logprobs: tuple[float, ...] | None = None
    scale: float = 1.0
    sequence: str | None = None

    def weights(self, tokens: int) -> tuple[float, ...]:
        """The weight of each of the action's `tokens` tokens. ConfigError when what the target
        says per token is of another length."""
        given = (self.weight, self.teacher_logprobs, self.teacher_top, self.reference_logprobs)
        for values in given:
            if isinstance(values, tuple) and len(values) != tokens:
                raise ConfigError(
                    f"the target at turn {self.turn} gives {len(values)} values, one per token, "
                    f"and its action {self.action.text[:40]!r} has {tokens} tokens, the end of "
                    "turn included"
                )
        return self.weight if isinstance(self.weight, tuple) else (self.weight,) * tokens


@dataclass(frozen=True, slots=True)
class Example:
    """One trajectory and what is to be learnt at its states.

    observations: T+1 or T texts; actions: the T executed actions; targets: any number, any turns.
    """

    observations: tuple[str, ...]
    actions: tuple[Action, ...]
    targets: tuple[Target, ...]

    def state(self, target: Target) -> Conversation:
        """The state that a target is about (without a key: it is not a live episode)."""
        return Conversation("", self.observations[: target.turn + 1], self.actions[: target.turn])


def _example(episode: Episode, targets: Iterable[Target]) -> Example:
    return Example(
        tuple(turn.observation for turn in episode.turns),
        tuple(turn.action for turn in episode.turns),
        tuple(targets),
    )


def imitate(
    episodes: Iterable[Episode],
    keep: Callable[[Episode], bool] = lambda episode: True,
    weigh: Callable[[Episode, int], float] = lambda episode, turn: 1.0,
) -> Iterator[Example]:
    """The teacher's action at every labelled state, weight 1: SFT when the states are the
    teacher's own, DAgger when they are a mixture's.

    keep: which episodes are trained on. weigh: the weight of the label at that turn (from 0) of an
    episode; a label of weight 0 is left out.
    """
    for episode in episodes:
        targets = [
            Target(t, turn.label, weight)
            for t, turn in enumerate(episode.turns)
            if turn.label is not None and (weight := weigh(episode, t)) != 0.0
        ]
        if targets and keep(episode):
            yield _example(episode, targets)


def reinforce(
    episodes: Iterable[Episode],
    advantages: Iterable[Sequence[float]],
    scales: Iterable[float] = repeat(1.0),
    *,
    sequences: bool = False,
) -> Iterator[Example]:
    """The student's own actions, each weighted by its advantage: RLVR.

    advantages: of every turn of every episode. scales: how much a token of each episode counts
    (`Target.scale`). sequences: the student's actions of an episode are one sequence, for losses
    about sequences; then its pieces, where it is longer than the context, are learnt at once.
    """
    compared = zip(episodes, advantages, strict=True)
    for (episode, advantage), scale in zip(compared, scales, strict=False):
        name = episode.key if sequences else None
        yield _example(
            episode,
            (
                Target(t, turn.action, advantage[t], scale=scale, sequence=name)
                for t, turn in enumerate(episode.turns)
                if turn.actor is Actor.STUDENT
            ),
        )


def own_actions(episodes: Iterable[Episode]) -> Iterator[Example]:
    """The student's own actions, weight 1: on-policy distillation, where a teacher's opinion is
    added to each, and expert iteration on episodes that succeeded."""
    for example in reinforce(whole := list(episodes), ((1.0,) * len(e.turns) for e in whole)):
        if example.targets:
            yield example
