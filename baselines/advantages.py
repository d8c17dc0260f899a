"""Advantages out of rewards, and how token losses are averaged: pure functions, one group or one
batch at a time. Rewards and advantages are plain numbers in the environment's unit."""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

Baseline = Callable[[Sequence[float]], list[float]]
"""From the returns of comparable episodes to the advantage of each."""

Per = Literal["trajectory", "turn"]
"""What is compared. trajectory: whole returns; every turn has its episode's advantage. turn: at
each turn the discounted return from there on, among those of the group that got as far."""

EPSILON = 1e-4  # as in TRL: keeps nearly equal rewards from becoming large advantages


def normalised(returns: Sequence[float]) -> list[float]:
    """(r - mean) / std: GRPO (2402.03300, section 4.1.2). std is the sample's (n - 1)."""
    if len(set(returns)) < 2:
        return [0.0] * len(returns)
    r = np.asarray(returns, float)
    values: list[float] = ((r - r.mean()) / (r.std(ddof=1) + EPSILON)).tolist()
    return values


def centred(returns: Sequence[float]) -> list[float]:
    """r - mean: Dr. GRPO (2503.20783, eq. 3), which shows that dividing by the standard deviation
    favours tasks that are nearly always or never solved."""
    if len(set(returns)) < 2:
        return [0.0] * len(returns)
    r = np.asarray(returns, float)
    values: list[float] = (r - r.mean()).tolist()
    return values


def leave_one_out(returns: Sequence[float]) -> list[float]:
    """r_i less the mean of the others: RLOO (2402.14740, section 3; Kool et al. 2019). n / (n - 1)
    times `centred`, and unbiased, since no return is part of its own baseline."""
    n = len(returns)
    return [n / max(1, n - 1) * advantage for advantage in centred(returns)]


def returns_to_go(rewards: Sequence[float], discount: float = 1.0) -> list[float]:
    """G_t = r_t + discount · G_{t+1} of each turn."""
    found: list[float] = []
    later = 0.0
    for reward in reversed(rewards):
        later = reward + discount * later
        found.append(later)
    return found[::-1]


def turn_advantages(
    rewards: Sequence[Sequence[float]], baseline: Baseline, per: Per, discount: float = 1.0
) -> list[list[float]]:
    """Of every turn of the episodes of one group, given the rewards of theirs.

    With rewards at the end alone and no discount, "turn" differs from "trajectory" only where
    episodes end at different turns. Returns-to-go as turn-level advantages: GTPO (2511.14846).
    """
    if per == "trajectory":
        whole = baseline([sum(turns) for turns in rewards])
        return [[a] * len(turns) for a, turns in zip(whole, rewards, strict=True)]
    to_go = [returns_to_go(turns, discount) for turns in rewards]
    found: list[list[float]] = [[] for _ in rewards]
    for t in range(max(map(len, rewards), default=0)):
        there = [i for i, turns in enumerate(to_go) if len(turns) > t]
        for i, advantage in zip(there, baseline([to_go[i][t] for i in there]), strict=True):
            found[i].append(advantage)
    return found


def overlong_penalty(length: int, most: int, margin: int) -> float:
    """Soft overlong punishment, in [-1, 0]: nothing up to `most - margin` tokens, then falling
    along a line to -1 at `most` (DAPO, 2503.14476, eq. 13)."""
    return -min(1.0, max(0.0, (length - (most - margin)) / margin))


Mean = Literal["sequence", "token"] | int
"""Over what token losses are averaged: within each sequence and then over sequences (GRPO,
2402.03300, eq. 3), over all tokens (DAPO, 2503.14476, eq. 8), or summed within each sequence,
divided by this constant, and averaged over sequences (Dr. GRPO, 2503.20783; 1 for the likelihood
of the whole)."""


def scales(lengths: Sequence[int], learnt: Sequence[bool], mean: Mean) -> list[float]:
    """What `Target.scale` must be in each sequence, so that the learner's mean over the tokens that
    it is given is the mean wanted over all sequences.

    lengths: target tokens of each. learnt: whether the learner is given it; a sequence without an
    advantage need not be, and yet counts in the mean.
    """
    given = sum(n for n, is_given in zip(lengths, learnt, strict=True) if is_given)
    if mean == "token":
        return [given / max(1, sum(lengths))] * len(lengths)
    count = len(lengths)
    return [given / (count * max(1, n if mean == "sequence" else mean)) for n in lengths]
