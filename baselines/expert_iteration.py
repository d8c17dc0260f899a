"""Expert iteration on the student's own successes (Anthony et al. 2017, 1705.08439; STaR,
2203.14465; ReST, 2308.08998).

    states      the student's
    actions     the student's
    weights     1 in episodes with R = 1, else 0

No teacher is asked. Like ReST, and unlike STaR, every round goes on from the weights of the round
before, as all methods here do.
"""

from dataclasses import dataclass

from baselines.methods import method
from dagger_algo.checks import at_least
from dagger_algo.examples import own_actions
from dagger_algo.run import Run


@dataclass(frozen=True)
class ExpertIterationConfig:
    """Settings of expert iteration."""

    rounds: int = 5
    """Times the student tries and is refitted."""
    epochs: int = 3
    """Passes over its successes each time."""
    aggregate: bool = True
    """Fit on the successes of all rounds so far; otherwise on the newest round's only."""

    def __post_init__(self) -> None:
        at_least(1, self, "rounds", "epochs")


@method("expert_iteration", ExpertIterationConfig(), needs_teacher=False)
def train(run: Run, config: ExpertIterationConfig) -> None:
    """Train `run.student` until the budget is spent, evenly over the rounds."""
    for i in run.rounds(config.rounds):
        rollouts = run.collect(i, run.share(i, config.rounds), whole=True)
        data = run.episodes(i) if config.aggregate else rollouts
        successes = list(own_actions(episode for episode in data if episode.success))
        fit = run.fit(successes, epochs=config.epochs) if successes else {}
        share = sum(episode.success for episode in rollouts) / max(1, len(rollouts))
        run.report(i, kept=share, **({"loss": fit["loss"]} if successes else {}))
