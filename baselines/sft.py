"""SFT (behaviour cloning) on teacher demonstrations.

    states      the teacher's
    actions     the teacher's
    weights     1

Fitted as often as DAgger is, on a set that grows in the same way, so that the two differ in whose
states they train on and in nothing else (DAgger's usual advantage in gradient steps included).
"""

from dataclasses import dataclass

from baselines.methods import method
from dagger_algo.checks import at_least
from dagger_algo.examples import imitate
from dagger_algo.gates.mixture import TEACHER_ONLY
from dagger_algo.run import Run


@dataclass(frozen=True)
class SFTConfig:
    """Settings of SFT."""

    rounds: int = 5
    """Times the student is fitted to the demonstrations gathered so far."""
    epochs: int = 3
    """Passes over them each time."""

    def __post_init__(self) -> None:
        at_least(1, self, "rounds", "epochs")

    @property
    def labels_every_step(self) -> bool:
        """No environment step without an answer of the teacher: a dry run counts on it."""
        return True


@method("sft", SFTConfig())
def train(run: Run, config: SFTConfig) -> None:
    """Train `run.student` until the budget is spent, evenly over the rounds."""
    for i in run.rounds(config.rounds):
        run.collect(i, run.share(i, config.rounds), gate=TEACHER_ONLY, teacher=run.teacher)
        fit = run.fit(imitate(run.episodes(i)), epochs=config.epochs)
        run.report(i, loss=fit["loss"])
