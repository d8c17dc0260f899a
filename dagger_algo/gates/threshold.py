"""The teacher acts where a score reaches a threshold: SafeDAgger's rule, and EnsembleDAgger's."""

from collections.abc import Sequence
from dataclasses import dataclass

from dagger_algo.conversation import Episode
from dagger_algo.errors import ConfigError
from dagger_algo.gates.gate import Decision, Moment, Sees
from dagger_algo.gates.score import Score, decided, figures, observe


@dataclass(frozen=True)
class Above:
    """The teacher acts, and a label is wanted, where the score is `threshold` or more.

    What it is called depends on the score: with `Learned(disagreement)` it is SafeDAgger
    (1605.06450), with `Disagreement` and `Discrepancy` EnsembleDAgger (1807.08364), with `Entropy`
    the uncertainty gate. A threshold of 0 is β = 1.
    """

    score: Score
    threshold: float

    def __post_init__(self) -> None:
        check_threshold("threshold", self.threshold)

    @property
    def sees(self) -> Sees:
        return self.score.sees

    def __call__(self, moments: Sequence[Moment]) -> list[Decision]:
        scores = self.score(moments)
        return decided(scores, [score >= self.threshold for score in scores])

    def observe(self, episode: Episode) -> None:
        """Passed on to the score."""
        observe(self.score, episode)

    def figures(self) -> dict[str, float]:
        """The score's."""
        return figures(self.score)


def check_threshold(name: str, value: float) -> None:
    """Raises ConfigError for a threshold that no score is measured by."""
    if not value >= 0.0:
        raise ConfigError(f"{name} is in the unit of the score, 0 or more, not {value}")
