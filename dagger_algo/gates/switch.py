"""The trajectory-level roll-in: the student begins, the teacher takes over and finishes."""

from collections.abc import Sequence
from dataclasses import dataclass

from dagger_algo.conversation import Actor
from dagger_algo.errors import ConfigError
from dagger_algo.gates.gate import Decision, Moment, Sees
from dagger_algo.randomness import stream


@dataclass(frozen=True)
class SwitchAt:
    """The student acts for the first κ turns and the teacher from then on, κ uniform over
    0..`longest`, drawn once per episode. A label is wanted at the teacher's turns."""

    longest: int
    seed: int = 0
    sees = Sees.STATE

    def __post_init__(self) -> None:
        if self.longest < 0:
            raise ConfigError(f"longest is a number of turns, 0 or more, not {self.longest}")

    def kappa(self, key: str) -> int:
        """κ of the episode with this key, in turns."""
        return int(stream(self.seed, f"{key}/switch").integers(self.longest + 1))

    def __call__(self, moments: Sequence[Moment]) -> list[Decision]:
        return [
            Decision(Actor.TEACHER, True)
            if moment.state.turn >= self.kappa(moment.state.key)
            else Decision(Actor.STUDENT, False)
            for moment in moments
        ]


@dataclass(frozen=True)
class Switch:
    """AggreVaTe-style switch (2605.12913): κ ~ U{0..T_max(i)} in round i = 1, 2, ..., with
    T_max(i) = min(start + step · i, cap). The defaults are the released launcher's.

    Only the roll-in is AggreVaTe's (Ross & Bagnell 2014): no cost-to-go is regressed on. With a
    filter for successful episodes it is on-policy expert correction (OEC, 2512.14895).
    """

    start: int = 0
    """T_max before the first round, in turns."""
    step: int = 20
    """How much T_max grows in each round."""
    cap: int = 100
    """T_max at most."""
    seed: int = 0
    sees = Sees.STATE

    def __post_init__(self) -> None:
        if min(self.start, self.step, self.cap) < 0:
            raise ConfigError(
                f"start={self.start}, step={self.step} and cap={self.cap} are numbers of turns, "
                "0 or more"
            )

    def longest(self, i: int) -> int:
        """T_max of round `i`, in turns."""
        return min(self.start + self.step * i, self.cap)

    def in_round(self, i: int, rounds: int) -> SwitchAt:
        """The switch of round `i`; how many rounds there are does not matter."""
        return SwitchAt(self.longest(i), self.seed)

    def __call__(self, moments: Sequence[Moment]) -> list[Decision]:
        return self.in_round(1, 1)(moments)
