"""The figures of `teacher_economics.py`: tokens to a level of success, over full DAgger's own."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scipy.stats import binom
from teacher_economics_runs import FULL, GATES, Point

LEVEL, HALF = 0.95, 0.5
Curves = Mapping[str, Sequence[Sequence[Point]]]
"""By name, one curve per seed; the seeds in the same order for all."""


@dataclass(frozen=True)
class Figures:
    """Of one gate over its seeds; what is compared is of the same seed.

    ratios: teacher tokens with which it first reaches LEVEL of full DAgger's final success, over
    full DAgger's own to there; infinite where it does not; ascending. median, low, high: of them,
    with the 95% interval by order statistics (0 to infinity with fewer than 6 seeds). steps: the
    median of the same ratio of environment steps. at_half: mean success with HALF of the tokens
    that full DAgger needed. success, tokens: at the end, means.
    """

    ratios: tuple[float, ...]
    median: float
    low: float
    high: float
    steps: float
    at_half: float
    success: float
    tokens: float

    @property
    def reached(self) -> int:
        """Seeds in which the level was reached."""
        return sum(ratio < math.inf for ratio in self.ratios)


def figures(curves: Curves) -> dict[str, Figures]:
    """By name; `curves` has full DAgger's."""
    levels = [LEVEL * _final(curve) for curve in curves[FULL]]
    # Full DAgger's own mean over its last rounds is reached, or it would not be a mean.
    reference = [first(curve, level) for curve, level in zip(curves[FULL], levels, strict=True)]
    return {name: _of(seeds, levels, reference) for name, seeds in curves.items()}


def _of(
    seeds: Sequence[Sequence[Point]], levels: Sequence[float], reference: Sequence[Point | None]
) -> Figures:
    ratios, steps, halves = [], [], []
    for points, level, full in zip(seeds, levels, reference, strict=True):
        assert full is not None
        reached = first(points, level)
        ratios.append(reached.tokens / max(1, full.tokens) if reached else math.inf)
        steps.append(reached.env_steps / full.env_steps if reached else math.inf)
        halves.append(success_with(points, HALF * full.tokens))
    low, high = median_interval(ratios)
    return Figures(
        tuple(sorted(ratios)),
        statistics.median(ratios),
        low,
        high,
        statistics.median(steps),
        statistics.fmean(halves),
        statistics.fmean(_final(points) for points in seeds),
        statistics.fmean(points[-1].tokens for points in seeds),
    )


def _final(points: Sequence[Point]) -> float:
    """The mean over the last quarter of the rounds: one evaluation is of few episodes."""
    return statistics.fmean(point.success for point in points[-max(1, len(points) // 4) :])


def first(points: Sequence[Point], level: float) -> Point | None:
    """Where a level of success is first reached."""
    return next((point for point in points if point.success >= level), None)


def success_with(points: Sequence[Point], tokens: float) -> float:
    """Success after the last fit that so many tokens had paid for; 0 before the first."""
    return next((p.success for p in reversed(points) if p.tokens <= tokens), 0.0)


def median_interval(values: Sequence[float]) -> tuple[float, float]:
    """95% interval of the median of whatever the values were drawn from, infinite ones included:
    from the k-th smallest to the k-th largest, without any assumption about their distribution."""
    k = int(binom.ppf(0.025, len(values), 0.5))
    if k == 0:
        return 0.0, math.inf
    ordered = sorted(values)
    return ordered[k - 1], ordered[-k]


def winners(found: Mapping[str, Figures]) -> list[str]:
    """Gates that reach the level with half of the tokens or less, in the median over the seeds."""
    return [name for name in GATES if name in found and found[name].median <= HALF]


def mean_curve(seeds: Sequence[Sequence[Point]]) -> list[Point]:
    """Round by round, means over the seeds."""
    return [
        Point(
            round(statistics.fmean(p.tokens for p in points)),
            statistics.fmean(p.success for p in points),
            round(statistics.fmean(p.env_steps for p in points)),
        )
        for points in zip(*seeds, strict=True)
    ]
