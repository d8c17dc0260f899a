"""What gates go by: a number per moment that says how much the teacher is wanted there."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Protocol

from dagger_algo.conversation import Actor, Conversation, Episode
from dagger_algo.gates.gate import Adaptive, Decision, Moment, Sees


class Score(Protocol):
    """Says how much the teacher is wanted; never negative. One that learns is also `Adaptive`."""

    @property
    def sees(self) -> Sees:
        """What it needs to know."""
        ...

    def __call__(self, moments: Sequence[Moment]) -> Sequence[float]:
        """One number per moment, in order; it depends on nothing but its moment and what was
        observed."""
        ...


@dataclass(frozen=True)
class Highest:
    """The highest of several scores, which should be on one scale."""

    scores: tuple[Score, ...]

    @property
    def sees(self) -> Sees:
        return union(score.sees for score in self.scores)

    def __call__(self, moments: Sequence[Moment]) -> list[float]:
        return [max(row) for row in zip(*(score(moments) for score in self.scores), strict=True)]

    def observe(self, episode: Episode) -> None:
        """Passed on to those that learn."""
        for score in self.scores:
            observe(score, episode)

    def figures(self) -> dict[str, float]:
        """Of all that have some."""
        return merged(self.scores)


def decided(scores: Sequence[float], teaches: Sequence[bool]) -> list[Decision]:
    """Where the teacher acts, it is also wanted as a labeller."""
    return [
        Decision(Actor.TEACHER if now else Actor.STUDENT, now, score)
        for score, now in zip(scores, teaches, strict=True)
    ]


def observe(part: object, episode: Episode) -> None:
    """Tell a part of a gate of an episode, if it learns."""
    if isinstance(part, Adaptive):
        part.observe(episode)


def figures(part: object) -> dict[str, float]:
    """What a part of a gate has to say."""
    return part.figures() if isinstance(part, Adaptive) else {}


def merged(parts: Sequence[object]) -> dict[str, float]:
    """The figures of several parts; a name that is taken gets the place of its part behind it."""
    found: dict[str, float] = {}
    for place, part in enumerate(parts, 1):
        for name, value in figures(part).items():
            found[name if name not in found else f"{name}_{place}"] = value
    return found


def union(parts: Iterable[Sees]) -> Sees:
    """What several parts need to know between them."""
    return reduce(or_, parts, Sees.STATE)


def moments(episode: Episode) -> list[Moment]:
    """The moments at which an episode's decisions were taken, as far as the episode keeps them:
    without the environment's `info`, and without the label, which no score may learn from."""
    observations = tuple(turn.observation for turn in episode.turns)
    actions = tuple(turn.action for turn in episode.turns)
    return [
        Moment(
            Conversation(episode.key, observations[: t + 1], actions[:t]),
            episode.turns[:t],
            turn.proposal,
        )
        for t, turn in enumerate(episode.turns)
    ]
