"""The teacher steps in every k turns, come what may."""

from collections.abc import Sequence
from dataclasses import dataclass

from dagger_algo.conversation import Actor
from dagger_algo.errors import ConfigError
from dagger_algo.gates.gate import Decision, Moment, Sees


@dataclass(frozen=True)
class Every:
    """The teacher acts, and a label is wanted, at turns k, 2k, 3k, ... counted from 1: the
    "periodic interventions" of 2605.12913's summary. k = 1 is β = 1."""

    k: int = 5
    """Turns from one intervention to the next."""
    sees = Sees.STATE

    def __post_init__(self) -> None:
        if self.k < 1:
            raise ConfigError(f"k is a number of turns, 1 or more, not {self.k}")

    def __call__(self, moments: Sequence[Moment]) -> list[Decision]:
        due = ((moment.state.turn + 1) % self.k == 0 for moment in moments)
        return [Decision(Actor.TEACHER if now else Actor.STUDENT, now) for now in due]
