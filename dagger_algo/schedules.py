"""β over the rounds: how often the teacher acts."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

from dagger_algo.checks import one_of
from dagger_algo.errors import ConfigError

Shape = Literal["constant", "linear", "cosine", "exponential", "step", "floor"]


@dataclass(frozen=True)
class Beta:
    """β as a function of the round i = 1..N.

    floor: the paper's max(end, start - 0.2 (i-1));
    linear, cosine, exponential: from `start` in round 1 to `end` in round N;
    step: `start` in round 1, `end` from round 2 on (Ross et al.'s indicator schedule);
    constant: `start` always.

    `warmup` rounds with β = 1 may come before; the shape's round 1 is then the one after them.
    """

    shape: Shape = "floor"
    """How β falls over the rounds; the paper's is `floor`."""
    start: float = 1.0
    """β of the first round."""
    end: float = 0.6
    """β of the last round (the floor of `floor`)."""
    warmup: int = 0
    """Rounds with β = 1 before the schedule begins: the student first learns on the teacher's own
    states. The schedule then runs over the rounds that are left."""

    def __post_init__(self) -> None:
        one_of("beta.shape", self.shape, get_args(Shape))
        if not (0.0 <= self.end <= 1.0 and 0.0 <= self.start <= 1.0):
            raise ConfigError(f"β must lie between 0 and 1, not start={self.start}, end={self.end}")
        if self.warmup < 0:
            raise ConfigError(f"warmup is a number of rounds, 0 or more, not {self.warmup}")

    def __call__(self, i: int, rounds: int) -> float:
        """β of round `i` (from 1) of `rounds`."""
        if i <= self.warmup:
            return 1.0
        i, rounds = i - self.warmup, rounds - self.warmup
        if self.shape == "constant":
            return self.start
        if self.shape == "step":
            return self.start if i == 1 else self.end
        if self.shape == "floor":
            return max(self.end, self.start - 0.2 * (i - 1))
        done = (i - 1) / max(1, rounds - 1)
        if self.shape == "cosine":
            done = (1 - math.cos(math.pi * done)) / 2
        if self.shape == "exponential":
            # An exponential never reaches 0: it ends at 1% of the start at the lowest.
            low = max(self.end, 0.01 * self.start)
            return self.start * (low / self.start) ** done if self.start else 0.0
        return self.start + (self.end - self.start) * done
