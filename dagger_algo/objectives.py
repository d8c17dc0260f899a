"""What is minimised, as data: an algorithm names one, a student knows how to compute it.

All are means over target tokens of scale × loss (`Target.scale`, `Target.weight`). π is the student
being fitted, π_old the student that sampled (`Action.logprobs`), p_t the teacher.
"""

from dataclasses import dataclass
from typing import Literal

from dagger_algo.errors import ConfigError

Estimator = Literal["k1", "k2", "k3"]
"""How KL(π || q) is estimated from π's own samples, r = log q - log π (Schulman 2020): k1, -r as a
detached reward; k2, r²/2; k3, e^r - r - 1. Differentiated directly, as here, k1 and k2 descend the
reverse KL in expectation, and k3, on samples of π itself, the forward KL(q || π)."""


@dataclass(frozen=True)
class CrossEntropy:
    """-weight · log π: SFT and DAgger with weight 1 (Ross et al. 2011); with an advantage as
    weight, and samples of π itself, REINFORCE (Williams 1992)."""


@dataclass(frozen=True)
class PolicyGradient:
    """-min(ρA, clip(ρ, 1-ε_low, 1+ε_high)A) + kl · KL(π || π_ref), with A the weight.

    PPO-clip (Schulman et al. 2017, eq. 7); GRPO (2402.03300, eq. 3) with its KL to a reference;
    two sides of the clip apart in DAPO (2503.14476, eq. 8); ρ of whole sequences in GSPO
    (2507.18071, eq. 5-7). Where π_old is not known, ρ is 1 with the gradient of π.
    """

    clip_low: float = 0.2
    """ε_low: ratios below 1 - ε_low gain nothing by falling further."""
    clip_high: float = 0.2
    """ε_high: ratios above 1 + ε_high gain nothing by rising further."""
    ratio: Literal["token", "sequence"] = "token"
    """ρ of each token, or one for all tokens of a sequence (`Target.sequence`): the geometric mean
    of theirs."""
    kl: float = 0.0
    """Weight of the KL to a reference policy, where targets carry `reference_logprobs`."""
    kl_estimator: Estimator = "k3"
    """How it is estimated; k3 is the papers'."""
    kl_corrected: bool = False
    """Multiply k3 by ρ, through which it is differentiated too: with ρ of tokens the gradient is
    then that of the reverse KL, off-policy as well (DeepSeek-V3.2, 2512.02556)."""

    def __post_init__(self) -> None:
        if not (0 <= self.clip_low <= 1 and self.clip_high >= 0 and self.kl >= 0):
            raise ConfigError(
                "a policy gradient needs 0 <= clip_low <= 1, clip_high >= 0 and kl >= 0; it got "
                f"{self.clip_low}, {self.clip_high} and {self.kl}"
            )
        if self.kl_corrected and self.kl_estimator != "k3":
            raise ConfigError(f"kl_corrected is about k3; leave it out with {self.kl_estimator}")


@dataclass(frozen=True)
class Mixed:
    """By who executed a token: an estimate of KL(π || p_t) where the target carries
    `teacher_logprobs` (the student's own tokens), cross-entropy elsewhere (2605.12913, as in its
    released launcher)."""

    estimator: Estimator = "k3"


@dataclass(frozen=True)
class TopKKL:
    """Forward KL(p_t || π) over the teacher's likeliest tokens and one more event, the rest, where
    the target carries `teacher_top`; cross-entropy elsewhere."""


@dataclass(frozen=True)
class Jsd:
    """Generalised Jensen-Shannon divergence β KL(p_t || m) + (1-β) KL(π || m) with
    m = β p_t + (1-β) π (GKD, 2306.13649, eq. 1), over the same events as `TopKKL`; cross-entropy
    where there is no `teacher_top`. β = 0 and 1 are its limits divided by β(1-β): the forward
    KL(p_t || π) and the reverse KL(π || p_t)."""

    beta: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.beta <= 1:
            raise ConfigError(f"the β of a Jensen-Shannon divergence is in [0, 1], not {self.beta}")


Objective = CrossEntropy | PolicyGradient | Mixed | TopKKL | Jsd
