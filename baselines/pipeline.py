"""Imitation first, then reinforcement: SFT→RLVR and DAgger→RLVR.

    states      the first method's, then the student's
    actions     the first method's, then the student's
    weights     the first method's, then the advantage of the reward

The first method may use all teacher tokens and a share of the environment steps that are left when
training begins; the second has the rest of them, and asks no teacher. Rounds are counted on.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from baselines import grpo, sft
from baselines.grpo import GRPOConfig
from baselines.methods import method
from baselines.sft import SFTConfig
from dagger_algo.dagger import DaggerConfig, dagger
from dagger_algo.errors import ConfigError
from dagger_algo.ledger import Budget
from dagger_algo.run import Run

Train = Callable[[Run], None]


def _check_share(share: float) -> None:
    if not 0 < share < 1:
        raise ConfigError(
            "a pipeline gives its first method a share of the environment steps above 0 and below "
            f"1, not {share}; to run one method alone, name that method"
        )


@dataclass(frozen=True)
class Pipeline:
    """Settings that both have."""

    share: float = 0.5
    """Share of the environment steps, between 0 and 1, that the first part may use at most."""
    rlvr: GRPOConfig = field(default_factory=GRPOConfig)
    """The second part."""

    def __post_init__(self) -> None:
        _check_share(self.share)


@dataclass(frozen=True)
class SFTThenRLVR(Pipeline):
    """Settings of SFT→RLVR."""

    sft: SFTConfig = field(default_factory=SFTConfig)
    """The first part."""


@dataclass(frozen=True)
class DaggerThenRLVR(Pipeline):
    """Settings of DAgger→RLVR."""

    dagger: DaggerConfig = field(default_factory=DaggerConfig)
    """The first part."""


@method("sft_rlvr", SFTThenRLVR())
def train_sft_first(run: Run, config: SFTThenRLVR) -> None:
    """SFT, then GRPO."""
    in_turn(
        run,
        lambda part: sft.train(part, config.sft),
        lambda part: grpo.train(part, config.rlvr),
        config.share,
    )


@method("dagger_rlvr", DaggerThenRLVR())
def train_dagger_first(run: Run, config: DaggerThenRLVR) -> None:
    """DAgger, then GRPO."""
    in_turn(
        run,
        lambda part: dagger(part, config.dagger),
        lambda part: grpo.train(part, config.rlvr),
        config.share,
    )


def in_turn(run: Run, first: Train, second: Train, share: float) -> None:
    """One method until it has used `share` of the environment steps, or all teacher tokens, then
    another, which asks no teacher, on the steps that are left.

    An interrupted run is taken up again in the part, the round and the episode where it was.
    """
    _check_share(share)
    left = run.ledger.budget.env_steps - run.ledger.env_steps
    steps = run.ledger.env_steps + round(share * left)
    run.part(Budget(steps, run.ledger.budget.teacher_tokens))
    first(run)
    # The second method asks nobody: its tokens must not be what stops it.
    tokens = run.ledger.teacher_tokens + run.ledger.budget.teacher_tokens
    run.part(Budget(run.ledger.budget.env_steps, tokens))
    second(run)
