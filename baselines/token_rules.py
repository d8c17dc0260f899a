"""Which tokens of a student's roll-outs are worth a teacher's correction (TIP, 2604.14084).

Two regions carry the signal: tokens at which the student was unsure (high entropy h), and tokens at
which it was sure and the teacher disagrees (low h, high divergence d).

    entropy         the share `keep` of the tokens with the highest h
    tip             that share by ĥ + d̂ - ĥ d̂, a soft "or" of the two regions
    overconfident   that share by (1 - ĥ) d̂, the second region alone

with ĥ and d̂ scaled to [0, 1] over the batch, the top 2% of h held at their lower end (a detail that
we have from re-implementations, not from the paper's text). The paper's d is a divergence over the
whole vocabulary. Ours has two events, the sampled token and the rest: KL(π || p_T) between those is
all that log-probabilities of samples can tell. It is never more than the whole, and close to it
where the student is sure, which is where d is wanted.
"""

from typing import Literal

import numpy as np
import numpy.typing as npt

from dagger_algo.errors import ConfigError

Floats = npt.NDArray[np.float64]
Rule = Literal["all", "entropy", "tip", "overconfident"]


def important(
    entropies: Floats, logprobs: Floats, teacher_logprobs: Floats, rule: Rule, keep: float
) -> npt.NDArray[np.bool_]:
    """Which of N tokens to train on: (N,) of (N,) figures in nats; `keep` of them, at least one.

    Where several score the same the earlier ones are kept. Raises ConfigError for a share outside
    (0, 1].
    """
    if not 0 < keep <= 1:
        raise ConfigError(f"the share of tokens to keep is above 0 and at most 1, not {keep}")
    if rule == "all" or not len(entropies):
        return np.ones(len(entropies), dtype=bool)
    h = _scaled(np.minimum(entropies, np.quantile(entropies, 0.98)))
    d = _scaled(divergence(logprobs, teacher_logprobs))
    score = {"entropy": h, "tip": h + d - h * d, "overconfident": (1 - h) * d}[rule]
    kept = np.zeros(len(score), dtype=bool)
    kept[np.argsort(-score, kind="stable")[: max(1, round(keep * len(score)))]] = True
    return kept


def divergence(logprobs: Floats, teacher_logprobs: Floats) -> Floats:
    """KL(π || p_T) between {the sampled token, the rest} under both, nats, elementwise."""
    q, p = np.exp(logprobs), np.exp(teacher_logprobs)
    rest = np.log1p(-np.minimum(q, 1 - 1e-9)) - np.log1p(-np.minimum(p, 1 - 1e-9))
    return np.asarray(np.maximum(0.0, q * (logprobs - teacher_logprobs) + (1 - q) * rest))


def _scaled(values: Floats) -> Floats:
    low, high = float(values.min()), float(values.max())
    return np.zeros_like(values) if low == high else np.asarray((values - low) / (high - low))
