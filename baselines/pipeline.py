"""Imitation first, then reinforcement: SFT→RLVR and DAgger→RLVR.

    states      the first method's, then the student's
    actions     the first method's, then the student's
    weights     the first method's, then the advantage of the reward

The first method may use all teacher tokens and a share of the environment steps that are left when
training begins; the second, any of the bundled RLVR methods, has the rest of them, and asks no
teacher. Rounds are counted on.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from baselines import sft
from baselines.dapo import DAPOConfig
from baselines.dr_grpo import DrGRPOConfig
from baselines.grpo import GRPOConfig
from baselines.gspo import GSPOConfig
from baselines.methods import get_method, method
from baselines.ppo import PPOConfig
from baselines.rloo import RLOOConfig
from baselines.sft import SFTConfig
from dagger_algo.dagger import DaggerConfig, dagger
from dagger_algo.errors import ConfigError
from dagger_algo.ledger import Budget
from dagger_algo.run import Run

Train = Callable[[Run], None]
Second = Literal["grpo", "dr_grpo", "dapo", "rloo", "gspo", "ppo"]


def _check_share(share: float) -> None:
    if not 0 < share < 1:
        raise ConfigError(
            "a pipeline gives its first method a share of the environment steps above 0 and below "
            f"1, not {share}; to run one method alone, name that method"
        )


@dataclass(frozen=True)
class Pipeline:
    """Settings that both have, among them those of each RLVR method: the one that `rlvr` names is
    run with its own."""

    share: float = 0.5
    """Share of the environment steps, between 0 and 1, that the first part may use at most."""
    rlvr: Second = "grpo"
    """The second part."""
    grpo: GRPOConfig = field(default_factory=GRPOConfig)
    dr_grpo: DrGRPOConfig = field(default_factory=DrGRPOConfig)
    dapo: DAPOConfig = field(default_factory=DAPOConfig)
    rloo: RLOOConfig = field(default_factory=RLOOConfig)
    gspo: GSPOConfig = field(default_factory=GSPOConfig)
    ppo: PPOConfig = field(default_factory=PPOConfig)

    def __post_init__(self) -> None:
        _check_share(self.share)
        if self.rlvr not in get_args(Second):
            raise ConfigError(
                f"the second part of a pipeline is one of {', '.join(get_args(Second))}, not "
                f"{self.rlvr!r}"
            )
        # GRPO's may be those that a whole comparison gives it.
        for name in set(get_args(Second)) - {"grpo", self.rlvr}:
            if getattr(self, name) != get_method(name).config:
                raise ConfigError(
                    f"settings of {name} are given, and the second part is {self.rlvr}: say "
                    f"rlvr: {name}, or leave them out"
                )

    @property
    def second(self) -> tuple[str, Any]:
        """Name and settings of the second part."""
        return self.rlvr, getattr(self, self.rlvr)


@dataclass(frozen=True)
class SFTThenRLVR(Pipeline):
    """Settings of SFT→RLVR."""

    sft: SFTConfig = field(default_factory=SFTConfig)
    """The first part."""

    @property
    def parts(self) -> tuple[tuple[str, Any], ...]:
        """Name and settings of both, in turn."""
        return ("sft", self.sft), self.second


@dataclass(frozen=True)
class DaggerThenRLVR(Pipeline):
    """Settings of DAgger→RLVR."""

    dagger: DaggerConfig = field(default_factory=DaggerConfig)
    """The first part."""

    @property
    def parts(self) -> tuple[tuple[str, Any], ...]:
        """Name and settings of both, in turn."""
        return ("dagger", self.dagger), self.second


@method("sft_rlvr", SFTThenRLVR())
def train_sft_first(run: Run, config: SFTThenRLVR) -> None:
    """SFT, then GRPO or another RLVR method."""
    in_turn(run, lambda part: sft.train(part, config.sft), _named(*config.second), config.share)


@method("dagger_rlvr", DaggerThenRLVR())
def train_dagger_first(run: Run, config: DaggerThenRLVR) -> None:
    """DAgger, then GRPO or another RLVR method."""
    in_turn(run, lambda part: dagger(part, config.dagger), _named(*config.second), config.share)


def _named(method: str, settings: Any) -> Train:
    return lambda part: get_method(method).train(part, settings)


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
