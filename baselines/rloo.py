"""RLOO: REINFORCE with a leave-one-out baseline (2402.14740, section 3; Kool et al. 2019).

    states      the student's
    actions     the student's
    weights     reward - mean of the group's others

The likelihood of the whole trajectory, without ratio or clip. A KL, where wanted, is taken off the
reward, as in the paper. Groups in which all got the same reward count in the mean.
"""

from dataclasses import dataclass

from baselines.advantages import leave_one_out
from baselines.methods import method
from baselines.rlvr import RLVRConfig, Variant, reinforced
from dagger_algo.objectives import CrossEntropy
from dagger_algo.run import Run


@dataclass(frozen=True)
class RLOOConfig(RLVRConfig):
    """Settings of RLOO."""


def variant(config: RLOOConfig) -> Variant:
    """What makes it itself."""
    return Variant(leave_one_out, 1, CrossEntropy(), kl_in_reward=True)


@method("rloo", RLOOConfig(), needs_teacher=False)
def train(run: Run, config: RLOOConfig) -> None:
    """Train `run.student` until the budget is spent."""
    reinforced(run, config, variant(config))
