"""Dr. GRPO: GRPO done right (2503.20783, section 3.2).

    states      the student's
    actions     the student's
    weights     reward - mean within the group

Without GRPO's two biases: no division by the group's standard deviation, which favours tasks that
are nearly always or never solved, and none by a response's length, which favours long failures:
token losses are summed and divided by a constant.
"""

from dataclasses import dataclass

from baselines.advantages import centred
from baselines.methods import method
from baselines.rlvr import RLVRConfig, Variant, reinforced
from dagger_algo.objectives import PolicyGradient
from dagger_algo.run import Run


@dataclass(frozen=True)
class DrGRPOConfig(RLVRConfig):
    """Settings of Dr. GRPO."""

    clip: float = 0.2
    """ε of the ratio to the policy that sampled."""
    length: int = 256
    """Tokens that a trajectory's loss is divided by; the paper's is the most that one may have. It
    sets the size of the whole loss and nothing else."""


def variant(config: DrGRPOConfig) -> Variant:
    """What makes it itself."""
    return Variant(centred, config.length, PolicyGradient(config.clip, config.clip))


@method("dr_grpo", DrGRPOConfig(), needs_teacher=False)
def train(run: Run, config: DrGRPOConfig) -> None:
    """Train `run.student` until the budget is spent."""
    reinforced(run, config, variant(config))
