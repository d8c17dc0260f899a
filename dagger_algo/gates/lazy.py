"""LazyDAgger's hysteresis: the teacher comes late and stays until all is well."""

from collections.abc import Sequence
from dataclasses import dataclass

from dagger_algo.conversation import Actor, Episode
from dagger_algo.errors import ConfigError
from dagger_algo.gates.gate import Decision, Moment, Sees
from dagger_algo.gates.score import Score, decided, figures, observe
from dagger_algo.gates.threshold import check_threshold


@dataclass(frozen=True)
class Lazy:
    """The teacher begins to act where the score is `enter` or more, and goes on while it is `leave`
    or more (LazyDAgger, 2104.00053: fewer changes of hands for the same help).

    LazyDAgger goes by the predicted discrepancy when it enters and by the actual one when it
    leaves; here both are predicted, since knowing the actual one costs the teacher's action.
    """

    score: Score
    enter: float = 0.5
    leave: float = 0.25

    def __post_init__(self) -> None:
        check_threshold("enter", self.enter)
        check_threshold("leave", self.leave)
        if self.leave > self.enter:
            raise ConfigError(
                f"leave={self.leave} must not be above enter={self.enter}: the teacher would leave "
                "at once"
            )

    @property
    def sees(self) -> Sees:
        return self.score.sees

    def __call__(self, moments: Sequence[Moment]) -> list[Decision]:
        scores = self.score(moments)
        needed = [
            score >= (self.leave if _teacher_acted(moment) else self.enter)
            for score, moment in zip(scores, moments, strict=True)
        ]
        return decided(scores, needed)

    def observe(self, episode: Episode) -> None:
        """Passed on to the score."""
        observe(self.score, episode)

    def figures(self) -> dict[str, float]:
        """The score's."""
        return figures(self.score)


def _teacher_acted(moment: Moment) -> bool:
    return bool(moment.turns) and moment.turns[-1].actor is Actor.TEACHER
