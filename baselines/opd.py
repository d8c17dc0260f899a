"""OPD: on-policy distillation (Agarwal et al. 2024, 2306.13649; Gu et al. 2024, 2306.08543).

    states      the student's
    actions     the student's
    weights     the teacher's opinion of each token: log p_T - log π, or a divergence

The teacher does not act: it scores the student's own samples, so it must have the student's
vocabulary. What descends the reverse KL(π || p_T) on samples of π:

    k1      policy gradient, with log p_T - log π_old of every token as its own, detached advantage
            (no credit for what comes later); several epochs are clipped as in PPO
    k2      r²/2 with r = log p_T - log π: the same gradient in expectation
    k3      e^r - r - 1: the same value in expectation, but the gradient of the *forward* KL
    top_k   the reverse KL itself, over the teacher's likeliest tokens and the rest as one more

k1 sees one sampled token in each place, top_k the whole choice: with a few hundred tokens in an
update, as on toys, k1 is mostly noise and top_k learns several times as fast. A table has no tokens
to name, and takes k1 to k3.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Literal

import numpy as np

from baselines.distillation import DistillationConfig, Figures, distilled, sampled_logprobs
from baselines.methods import method
from baselines.token_rules import Rule, divergences, important
from dagger_algo.errors import ConfigError
from dagger_algo.examples import Example, Target
from dagger_algo.objectives import Jsd, Mixed, Objective, PolicyGradient
from dagger_algo.run import Run
from dagger_algo.teachers.scoring import adviser


@dataclass(frozen=True)
class OPDConfig(DistillationConfig):
    """Settings of on-policy distillation."""

    loss: Literal["k1", "k2", "k3", "top_k"] = "k1"
    """How the teacher's opinion is learnt."""
    top_k: int = 32
    """Likeliest tokens that the teacher names in every place: for the loss of that name, and for
    the rules for tokens that ask how far it is from the student, who names as many."""
    tokens: Rule = "all"
    """Which tokens are learnt: all, or those that TIP's rules pick (`baselines/token_rules.py`)."""
    keep: float = 0.5
    """Share of tokens that those rules keep."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.top_k < 1 or not 0 < self.keep <= 1:
            raise ConfigError(
                "on-policy distillation needs top_k of at least 1 and a share to keep above 0 and "
                f"at most 1; it got {self.top_k} and {self.keep}"
            )


@method("opd", OPDConfig())
def train(run: Run, config: OPDConfig) -> None:
    """Train `run.student` until the budget is spent."""

    def prepare(scored: list[Example]) -> tuple[list[Example], Figures]:
        if config.tokens != "all":
            scored = select(run, scored, config.tokens, config.keep, top)
        if top and config.loss != "top_k":  # named for the rule alone
            scored = [
                replace(e, targets=tuple(replace(t, teacher_top=None) for t in e.targets))
                for e in scored
            ]
        return reward(scored) if config.loss == "k1" else scored, {}

    named = config.loss == "top_k" or config.tokens in ("tip", "overconfident")
    top = config.top_k if named else 0
    distilled(run, config, objective(config), prepare, top)


def objective(config: OPDConfig) -> Objective:
    """What the learner is to minimise."""
    if config.loss == "k1":
        return PolicyGradient()
    return Jsd(1.0) if config.loss == "top_k" else Mixed(config.loss)


def reward(examples: Sequence[Example]) -> list[Example]:
    """log p_T - log π_old of every token as its advantage, times the weight that it has."""

    def rewarded(target: Target) -> Target:
        old, teacher = sampled_logprobs(target), target.teacher_logprobs or ()
        kept = target.weights(len(old))
        gains = (w * (t - s) for w, t, s in zip(kept, teacher, old, strict=True))
        return replace(target, weight=tuple(gains))

    return [replace(e, targets=tuple(map(rewarded, e.targets))) for e in examples]


def select(
    run: Run, examples: Sequence[Example], rule: Rule, keep: float, top: int = 0
) -> list[Example]:
    """Weight 0 for the tokens that `rule` does not pick, and nothing of actions without a picked
    one; the loss is the mean over the picked ones. How unsure the student was, and its `top`
    likeliest tokens, are read from a forward pass of its own, which costs the teacher nothing."""
    found = adviser(run.student, run.student).opinions(examples, top=top)
    pairs = [
        [(target, own) for target, own in zip(example.targets, opinions, strict=True) if own]
        for example, opinions in zip(examples, found, strict=True)
    ]
    every = [pair for those in pairs for pair in those]
    kept = important(
        np.array([h for _, own in every for h in own.entropies]),
        np.array([d for target, own in every for d in divergences(target, own)]),
        rule,
        keep,
    )
    marks = iter(kept.astype(float).tolist())
    picked: list[Example] = []
    for example, those in zip(examples, pairs, strict=True):
        weights = [tuple(islice(marks, len(own.logprobs))) for _, own in those]
        chosen = zip(those, weights, strict=True)
        targets = tuple(replace(t, weight=each) for (t, _), each in chosen if any(each))
        if targets:
            picked.append(replace(example, targets=targets))
    tokens = sum(len(t.teacher_logprobs or ()) for e in picked for t in e.targets)
    scale = tokens / max(1, int(kept.sum()))
    return [replace(e, targets=tuple(replace(t, scale=scale) for t in e.targets)) for e in picked]
