"""RFT: SFT on demonstrations that succeeded (rejection sampling; Yuan et al. 2023, 2308.01825).

    states      the teacher's
    actions     the teacher's
    weights     1 in episodes with R = 1, else 0

What is thrown away was paid for all the same, and so were the episodes that the end of the budget
cut short: their outcome is not known, which is no success.
"""

from dataclasses import dataclass

from baselines.methods import method
from dagger_algo import filters
from dagger_algo.checks import at_least
from dagger_algo.examples import imitate
from dagger_algo.gates.mixture import TEACHER_ONLY
from dagger_algo.run import Run


@dataclass(frozen=True)
class RFTConfig:
    """Settings of RFT."""

    rounds: int = 5
    """Times the student is fitted to the demonstrations kept so far."""
    epochs: int = 3
    """Passes over them each time."""
    keep: tuple[filters.Name, ...] = ("success",)
    """Only demonstrations that pass all of these are trained on."""

    def __post_init__(self) -> None:
        at_least(1, self, "rounds", "epochs")
        filters.named(self.keep)


@method("rft", RFTConfig(), needs_outcomes=True)
def train(run: Run, config: RFTConfig) -> None:
    """Train `run.student` until the budget is spent, evenly over the rounds."""
    keep = filters.named(config.keep)
    for i in run.rounds(config.rounds):
        episodes = run.collect(
            i, run.share(i, config.rounds), gate=TEACHER_ONLY, teacher=run.teacher, whole=True
        )
        kept = list(imitate(run.episodes(i), keep))
        fit = run.fit(kept, epochs=config.epochs) if kept else {}
        share = sum(map(keep, episodes)) / max(1, len(episodes))
        run.report(i, kept=share, **({"loss": fit["loss"]} if kept else {}))
