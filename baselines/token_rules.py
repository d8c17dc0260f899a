"""Which tokens of a student's roll-outs are worth a teacher's correction (TIP, 2604.14084).

Two regions carry the signal: tokens at which the student was unsure (high entropy h), and tokens at
which it was sure and the teacher disagrees (low h, high divergence d).

    entropy         the share `keep` of the tokens with the highest h
    tip             that share by ĥ + d̂ - ĥ d̂, a soft "or" of the two regions
    overconfident   that share by (1 - ĥ) d̂, the second region alone

with ĥ and d̂ scaled to [0, 1] over the batch, the top 2% of h held at their lower end (a detail that
we have from re-implementations, not from the paper's text). d is KL(π || p_T), over the tokens that
student and teacher both name among their likeliest, the sampled one, and all others as one event.
That is never more than the paper's divergence over the whole vocabulary, and equal to it where as
many are named as there are.
"""

import math
from collections.abc import Iterable
from typing import Literal

import numpy as np
import numpy.typing as npt

from dagger_algo.errors import ConfigError
from dagger_algo.examples import Target
from dagger_algo.policy import Opinion

Floats = npt.NDArray[np.float64]
Rule = Literal["all", "entropy", "tip", "overconfident"]


def important(
    entropies: Floats, divergences: Floats, rule: Rule, keep: float
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
    d = _scaled(divergences)
    score = {"entropy": h, "tip": h + d - h * d, "overconfident": (1 - h) * d}[rule]
    kept = np.zeros(len(score), dtype=bool)
    kept[np.argsort(-score, kind="stable")[: max(1, round(keep * len(score)))]] = True
    return kept


def divergences(target: Target, own: Opinion) -> list[float]:
    """KL(π || p_T) in the place of each of the target's tokens, nats. own: what the student thinks
    of them; what it and the teacher name as likeliest makes the figure exact, none is needed."""
    theirs = target.teacher_logprobs or ()
    ids = target.action.token_ids or tuple(range(len(theirs)))
    none: tuple[()] = ()
    named = own.top or (none,) * len(theirs), target.teacher_top or (none,) * len(theirs)
    found = []
    for token, q, p, own_top, top in zip(ids, own.logprobs, theirs, *named, strict=True):
        known = dict(top)
        events = {i: (log_q, known[i]) for i, log_q in own_top if i in known}
        found.append(divergence({**events, token: (q, p)}.values()))
    return found


def divergence(events: Iterable[tuple[float, float]]) -> float:
    """KL of one distribution from another, nats, given the log-probabilities of some events under
    both; all the others are one more event."""
    pairs = list(events)
    rests = [max(1e-9, 1 - sum(map(math.exp, values))) for values in zip(*pairs, strict=True)]
    pairs.append((math.log(rests[0]), math.log(rests[1])))
    return max(0.0, sum(math.exp(q) * (q - p) for q, p in pairs))


def _scaled(values: Floats) -> Floats:
    low, high = float(values.min()), float(values.max())
    return np.zeros_like(values) if low == high else np.asarray((values - low) / (high - low))
