"""GRPO: group-relative policy optimization (DeepSeekMath, 2402.03300, eq. 3).

    states      the student's
    actions     the student's
    weights     (reward - mean) / std within the group of episodes of the same task

PPO's clipped objective, averaged within each sequence and then over sequences. A group in which
all got the same reward has no advantage and counts in the mean.
"""

from dataclasses import dataclass

from baselines.advantages import normalised
from baselines.methods import method
from baselines.rlvr import RLVRConfig, Variant, reinforced
from dagger_algo.objectives import PolicyGradient
from dagger_algo.run import Run


@dataclass(frozen=True)
class GRPOConfig(RLVRConfig):
    """Settings of GRPO."""

    clip: float = 0.2
    """ε of the ratio to the policy that sampled."""


def variant(config: GRPOConfig) -> Variant:
    """What makes it itself."""
    return Variant(normalised, "sequence", PolicyGradient(config.clip, config.clip))


@method("grpo", GRPOConfig(), needs_teacher=False)
def train(run: Run, config: GRPOConfig) -> None:
    """Train `run.student` until the budget is spent."""
    reinforced(run, config, variant(config))
