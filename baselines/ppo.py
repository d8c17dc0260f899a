"""PPO-clip without a critic (Schulman et al. 2017, 1707.06347, eq. 7).

    states      the student's
    actions     the student's
    weights     return from that turn on, against that of the batch's episodes at the same turn

Several passes over each batch, which the clip makes safe. There are no groups: episodes of other
tasks are compared. Where PPO has a learnt value function, the baseline here is the batch's mean at
that turn, and advantages are divided by its standard deviation.
"""

from dataclasses import dataclass
from typing import ClassVar

from baselines.advantages import Per, normalised
from baselines.methods import method
from baselines.rlvr import RLVRConfig, Variant, reinforced
from dagger_algo.objectives import PolicyGradient
from dagger_algo.run import Run


@dataclass(frozen=True)
class PPOConfig(RLVRConfig):
    """Settings of PPO."""

    fewest: ClassVar[int] = 1  # the whole batch is compared
    group: int = 1
    tasks: int = 32
    epochs: int = 4
    per: Per = "turn"
    clip: float = 0.2
    """ε of the ratio to the policy that sampled."""


def variant(config: PPOConfig) -> Variant:
    """What makes it itself."""
    objective = PolicyGradient(config.clip, config.clip)
    return Variant(normalised, "token", objective, across=True)


@method("ppo", PPOConfig(), needs_teacher=False)
def train(run: Run, config: PPOConfig) -> None:
    """Train `run.student` until the budget is spent."""
    reinforced(run, config, variant(config))
