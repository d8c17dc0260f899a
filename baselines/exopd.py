"""ExOPD: on-policy distillation with the teacher's reward extrapolated (Yang et al. 2026,
2602.12125).

    states      the student's
    actions     the student's
    weights     (log p_T - log π_old) + (λ - 1)(log p_T - log p_ref) of every token

log p_T - log p_ref is the reward that the teacher implies, p_ref the student as training found it;
λ = 1 is OPD's k1, λ > 1 goes on past the teacher, towards p_ref^(1-λ) p_T^λ.

Where the teacher is nearly certain that target can lose the format of the output: the Extrapolation
Cliff (Li et al. 2026, 2605.08737) has a threshold λ*(p, b, c) of the teacher's modal probability p,
the warm start's mass b and the clip strength c, at which the fixed point of the update, reduced to
two events, leaves the tail mass that the clip keeps safe. `safe_extrapolation` is derived from that
description: it has its fixed point, its tail and, with an undecided start (b = 1/2), depends on p
and c alone. The paper's own formula we could not read: its constants may be others.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from baselines.distillation import DistillationConfig, Figures, distilled, sampled_logprobs
from baselines.methods import method
from dagger_algo.errors import ConfigError
from dagger_algo.examples import Example
from dagger_algo.objectives import PolicyGradient
from dagger_algo.policy import Scorer
from dagger_algo.run import Run

_LEAST = 1e-12  # of a probability, so that its log-odds are finite


@dataclass(frozen=True)
class ExOPDConfig(DistillationConfig):
    """Settings of reward extrapolation."""

    extrapolation: float = 1.25
    """λ: 1 stops at the teacher, and below it between the student's start and the teacher."""
    margin: float | None = 1.0
    """c of the bound: nowhere is λ so large that the target leaves less than 1/(1 + c) of the
    teacher's probability to what the teacher already made less likely; none: no bound."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.extrapolation <= 0 or (self.margin is not None and self.margin <= 0):
            raise ConfigError(
                "extrapolation and margin must be above 0 (margin may be none), not "
                f"{self.extrapolation} and {self.margin}"
            )


@method("exopd", ExOPDConfig())
def train(run: Run, config: ExOPDConfig) -> None:
    """Train `run.student` until the budget is spent."""
    # Before the rounds begin, because an interrupted run goes on with a student that has learnt.
    reference = run.student.frozen()

    def prepare(scored: list[Example]) -> tuple[list[Example], Figures]:
        rewarded, factors = extrapolate(scored, reference, config)
        return rewarded, {"extrapolation": factors}

    distilled(run, config, PolicyGradient(), prepare)


def extrapolate(
    examples: Sequence[Example], reference: Scorer, config: ExOPDConfig
) -> tuple[list[Example], list[float]]:
    """The examples with the extrapolated reward as weights, and the λ of every token."""
    rewarded: list[Example] = []
    factors: list[float] = []
    for example, found in zip(examples, reference.score(examples), strict=True):
        targets = []
        for target, before in zip(example.targets, found, strict=True):
            if before is None:
                continue
            gains = []
            tokens = (sampled_logprobs(target), target.teacher_logprobs or (), before)
            for s, t, b in zip(*tokens, strict=True):
                factor = config.extrapolation
                if config.margin is not None:
                    bound = safe_extrapolation(math.exp(t), math.exp(b), config.margin)
                    factor = min(factor, bound)
                gains.append(t - s + (factor - 1) * (t - b))
                factors.append(factor)
            targets.append(replace(target, weight=tuple(gains)))
        rewarded.append(replace(example, targets=tuple(targets)))
    return rewarded, factors


def safe_extrapolation(teacher: float, before: float, margin: float) -> float:
    """The largest λ with which a token's target stays within `margin` of the teacher (ours).

    teacher, before: the token's probability under the teacher and under the reference. The token
    and the rest are two events, whose log-odds under the target are (1-λ) logit(before) + λ
    logit(teacher). Of the two one is less likely under the teacher than before, and extrapolation
    makes it rarer still: its probability u must not fall below u / (1 + margin), as a clipped
    update would not let it. So

        λ* = (logit(u / (1 + margin)) - logit(v)) / (logit(u) - logit(v)) > 1

    with v what it was before; infinite where teacher and reference agree. Where the teacher is
    nearly certain of the token (u small) that is 1 + log(1 + margin) / (logit(p) - logit(b)), p and
    b being teacher and before: near 1, unless the student was about as certain.
    """
    u, v = (teacher, before) if teacher < before else (1 - teacher, 1 - before)
    u, v = max(u, _LEAST), max(v, _LEAST)
    fall = _logit(u) - _logit(v)
    if fall >= 0:
        return math.inf
    return (_logit(u / (1 + margin)) - _logit(v)) / fall


def _logit(p: float) -> float:
    p = min(p, 1 - _LEAST)
    return math.log(p) - math.log1p(-p)
