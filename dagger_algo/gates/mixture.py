"""The turn-level mixture of DAgger: a coin with probability β at every turn."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from dagger_algo.conversation import Actor, Episode
from dagger_algo.errors import ConfigError
from dagger_algo.gates.gate import Decision, Moment, Sees
from dagger_algo.randomness import stream
from dagger_algo.schedules import Beta


@dataclass(frozen=True)
class TurnMixture:
    """The teacher acts with probability `beta`, independently at every turn (DAgger, eq. 1 of
    Ross et al. 2011 at the level of turns): 1 is behaviour cloning's roll-in, 0 the student's."""

    beta: float
    seed: int = 0
    sees = Sees.STATE

    def __post_init__(self) -> None:
        if not 0.0 <= self.beta <= 1.0:
            raise ConfigError(f"β is a probability, between 0 and 1, not {self.beta}")

    def __call__(self, moments: Sequence[Moment]) -> list[Decision]:
        return [Decision(self._actor(moment)) for moment in moments]

    def _actor(self, moment: Moment) -> Actor:
        if self.beta in (0.0, 1.0):  # no draw is needed, and making a stream takes its time
            return Actor.TEACHER if self.beta else Actor.STUDENT
        draw = stream(self.seed, moment.state.key, moment.state.turn).random()
        return Actor.TEACHER if draw < self.beta else Actor.STUDENT


@dataclass(frozen=True)
class BetaMixture:
    """`TurnMixture` with a β that follows a schedule over the rounds; before them, round 1's."""

    beta: Beta = field(default_factory=Beta)
    seed: int = 0
    sees = Sees.STATE

    def in_round(self, i: int, rounds: int) -> TurnMixture:
        """The mixture of round `i` of `rounds`."""
        return TurnMixture(self.beta(i, rounds), self.seed)

    def __call__(self, moments: Sequence[Moment]) -> list[Decision]:
        return self.in_round(1, 1)(moments)


STUDENT_ONLY = TurnMixture(0.0)
TEACHER_ONLY = TurnMixture(1.0)


def teacher_share(episodes: Iterable[Episode]) -> float:
    """Share of the turns that the teacher executed; NaN where there are no turns."""
    actors = [turn.actor for episode in episodes for turn in episode.turns]
    return actors.count(Actor.TEACHER) / len(actors) if actors else float("nan")
