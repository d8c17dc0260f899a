"""GSPO: group sequence policy optimization (2507.18071, eq. 5-7).

    states      the student's
    actions     the student's
    weights     (reward - mean) / std within the group of episodes of the same task

GRPO with one ratio for all that the student wrote in an episode, the geometric mean of its
tokens', clipped as a whole: the unit of correction is that of the reward.
"""

from dataclasses import dataclass

from baselines.advantages import normalised
from baselines.methods import method
from baselines.rlvr import RLVRConfig, Variant, reinforced
from dagger_algo.objectives import PolicyGradient
from dagger_algo.run import Run


@dataclass(frozen=True)
class GSPOConfig(RLVRConfig):
    """Settings of GSPO."""

    clip_low: float = 3e-4
    """ε_low of the sequence's ratio: a mean of many moves little (the paper's value)."""
    clip_high: float = 4e-4
    """ε_high of the sequence's ratio (the paper's value)."""


def variant(config: GSPOConfig) -> Variant:
    """What makes it itself."""
    objective = PolicyGradient(config.clip_low, config.clip_high, ratio="sequence")
    return Variant(normalised, "sequence", objective)


@method("gspo", GSPOConfig(), needs_teacher=False)
def train(run: Run, config: GSPOConfig) -> None:
    """Train `run.student` until the budget is spent."""
    reinforced(run, config, variant(config))
