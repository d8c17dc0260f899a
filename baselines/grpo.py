"""GRPO: reinforcement learning from a verifiable reward (DeepSeekMath, 2402.03300, eq. 3-4).

    states      the student's
    actions     the student's
    weights     the advantage of the episode's reward within its group

A group is several episodes of the same task. The clipped objective is taken with the token-level
mean and without a KL term (DAPO, 2503.14476); groups in which all episodes got the same reward
have no advantage and drop out.
"""

from collections import defaultdict
from dataclasses import dataclass
from itertools import chain, islice, repeat

import numpy as np

from baselines.methods import method
from dagger_algo.conversation import Episode, Outcome
from dagger_algo.examples import reinforce
from dagger_algo.run import Run


@dataclass(frozen=True)
class GRPOConfig:
    """Settings of GRPO."""

    group: int = 8
    """Episodes per task: the baseline of each is their mean."""
    tasks: int = 4
    """Tasks per update."""
    epochs: int = 1
    """Passes over each batch of roll-outs."""
    evaluate: int = 3
    """Evaluations in all, evenly over the budget."""


@method("grpo", GRPOConfig(), needs_teacher=False)
def train(run: Run, config: GRPOConfig) -> None:
    """Train `run.student` until the budget is spent."""
    for i in run.rounds(config.evaluate):
        limit = run.share(i, config.evaluate)
        signal = []
        while not run.ledger.spent(limit):
            tasks = islice(run.seeds, config.tasks)
            seeds = chain.from_iterable(repeat(seed, config.group) for seed in tasks)
            rollouts = [
                episode
                for episode in run.collect(i, limit, seeds=seeds)
                if episode.outcome is not Outcome.CUT
            ]
            examples = list(reinforce(rollouts, advantages(rollouts)))
            signal.append(len(examples) / max(1, len(rollouts)))
            if examples:
                run.fit(examples, epochs=config.epochs, loss="policy_gradient")
        run.report(i, signal=float(np.mean(signal)) if signal else 0.0)


def advantages(episodes: list[Episode]) -> list[float]:
    """(r - mean) / std within each group of episodes with the same seed; 0 where all agree."""
    groups = defaultdict(list)
    for episode in episodes:
        groups[episode.seed].append(episode.reward)
    return [
        float((e.reward - np.mean(groups[e.seed])) / (np.std(groups[e.seed]) + 1e-6))
        for e in episodes
    ]
