"""β as a function of the state: the coin falls to the teacher where the student is likely wrong."""

from collections.abc import Sequence
from dataclasses import dataclass

from dagger_algo.conversation import Episode
from dagger_algo.errors import ConfigError
from dagger_algo.gates.gate import Decision, Moment, Sees
from dagger_algo.gates.score import Score, decided, figures, observe
from dagger_algo.randomness import stream


@dataclass(frozen=True)
class StateBeta:
    """The teacher acts, and a label is wanted, with probability β(s) = max(floor, score), the score
    being a probability: with `Learned(disagreed)`, that the student is about to disagree.

    Unlike a threshold it asks now and then where the student seems right, so that what it learns
    from says something about those states too.
    """

    score: Score
    floor: float = 0.05
    """β at least; 1 is the teacher always."""
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0.0 <= self.floor <= 1.0:
            raise ConfigError(f"floor is a probability, between 0 and 1, not {self.floor}")

    @property
    def sees(self) -> Sees:
        return self.score.sees

    def __call__(self, moments: Sequence[Moment]) -> list[Decision]:
        scores = self.score(moments)
        teaches = [
            self._coin(moment) < max(self.floor, score)
            for score, moment in zip(scores, moments, strict=True)
        ]
        return decided(scores, teaches)

    def _coin(self, moment: Moment) -> float:
        return stream(self.seed, f"{moment.state.key}/state-beta", moment.state.turn).random()

    def observe(self, episode: Episode) -> None:
        """Passed on to the score."""
        observe(self.score, episode)

    def figures(self) -> dict[str, float]:
        """The score's."""
        return figures(self.score)
