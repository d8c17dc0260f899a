"""The turn-level mixture of DAgger: a coin with probability β at every turn."""

from collections.abc import Sequence
from dataclasses import dataclass

from dagger_algo.conversation import Actor
from dagger_algo.gates.gate import Decision, Moment, Sees
from dagger_algo.randomness import stream


@dataclass(frozen=True)
class TurnMixture:
    """The teacher acts with probability `beta`, independently at every turn (DAgger, eq. 1 of
    Ross et al. 2011 at the level of turns): 1 is behaviour cloning's roll-in, 0 the student's."""

    beta: float
    seed: int = 0
    sees = Sees.STATE

    def __call__(self, moments: Sequence[Moment]) -> list[Decision]:
        return [Decision(self._actor(moment)) for moment in moments]

    def _actor(self, moment: Moment) -> Actor:
        draw = stream(self.seed, moment.state.key, moment.state.turn).random()
        return Actor.TEACHER if draw < self.beta else Actor.STUDENT


STUDENT_ONLY = TurnMixture(0.0)
TEACHER_ONLY = TurnMixture(1.0)
