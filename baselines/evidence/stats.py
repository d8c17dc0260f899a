"""How sure can we be? Intervals and comparisons over training seeds and evaluation tasks."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from baselines.evidence.power import seeds_needed
from baselines.evidence.results import Results, Row

Matrix = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]
RESAMPLES = 4999


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with its 95% interval, both as shares (0..1, or -1..1 for a difference).

    seeds, tasks: how many training seeds and evaluation tasks it rests on.
    """

    mean: float
    low: float
    high: float
    seeds: int
    tasks: int

    @property
    def covers(self) -> str:
        """What would be different in the repetitions that the interval speaks about."""
        return "seeds and tasks" if self.seeds > 1 else "tasks only, as there is one seed"


@dataclass(frozen=True, slots=True)
class Difference:
    """Method `a` minus method `b`.

    chance: the probability of improvement, that a run of `a` beats one of `b`. seeds_needed: seeds
    that it would take to show such a difference (`power.seeds_needed`). denied: with one seed, p of
    McNemar's exact test where that leaves the difference to chance; else None.
    """

    a: str
    b: str
    interval: Interval
    chance: Interval
    seeds_needed: int | None = None
    denied: float | None = None

    @property
    def improvement(self) -> float:
        """Chance that a run of `a` beats one of `b`."""
        return self.chance.mean

    @property
    def shown(self) -> bool:
        """The interval leaves zero out and, with one seed, the exact test agrees."""
        return self.apart and self.denied is None

    @property
    def apart(self) -> bool:
        """The interval leaves zero out."""
        return self.interval.low > 0 or self.interval.high < 0


@dataclass(frozen=True, slots=True)
class Point:
    """Where a method stood after a round: means over its seeds."""

    round: int
    env_steps: float
    teacher_tokens: float
    success: Interval


def final_success(results: Results, method: str) -> Interval | None:
    """Success after the last round, over all evaluation episodes; None if no seed finished.

    The interval covers another draw of training seeds and of evaluation tasks (see `interval`).
    """
    rows = results.final(method)
    return interval(outcomes(rows)) if rows else None


def warm_success(results: Results) -> Interval | None:
    """Success of the shared warm start, over its seeds."""
    rows = {row.seed: row for row in results.rows if row.round == 0}
    return interval(outcomes(rows)) if rows else None


def paired_difference(results: Results, a: str, b: str, level: float = 0.95) -> Difference | None:
    """Success of `a` minus that of `b` on the training seeds and evaluation tasks they share.

    Seeds and tasks are resampled as in `interval`, each pair staying together: what is easy for
    both cancels out. `chance` is the probability that a run of `a` has a higher success than
    a run of `b`, ties counted half: the Mann-Whitney U over its maximum (Agarwal et al. 2021,
    2108.13264, sec. 4.3), resampled in the same way. None if they share nothing.

    level: that `interval` covers; 1 - 0.05 / m for each of m differences covers all of them at
    once with 95% (Bonferroni).
    """
    return _difference(a, results.final(a), b, results.final(b), level)


def gain(results: Results, method: str) -> Difference | None:
    """`paired_difference` of a method's last round and the warm start it began with."""
    cells = results.cells(method)
    starts = {seed: rows[0] for seed, rows in cells.items() if rows[0].round == 0}
    return _difference(method, results.final(method), "warm start", starts)


def curve(results: Results, method: str, resamples: int = 999) -> list[Point]:
    """One point per round, the warm start first."""
    cells = results.cells(method)
    rounds = sorted({row.round for rows in cells.values() for row in rows})
    points = []
    for i in rounds:
        rows = {seed: row for seed, rows in cells.items() for row in rows if row.round == i}
        points.append(
            Point(
                i,
                float(np.mean([row.env_steps for row in rows.values()])),
                float(np.mean([row.teacher_tokens for row in rows.values()])),
                interval(outcomes(rows), resamples),
            )
        )
    return points


def outcomes(rows: Mapping[int, Row], tasks: Iterable[int] | None = None) -> Matrix:
    """Training seeds × evaluation tasks: 1 success, 0 none, NaN where an episode is missing."""
    if tasks is None:
        tasks = sorted({task for row in rows.values() for task in row.eval_seeds})
    tasks = list(tasks)
    found = {seed: row.outcomes for seed, row in rows.items()}
    return np.array(
        [[found[seed].get(task, np.nan) for task in tasks] for seed in sorted(rows)]
    ).reshape(len(rows), len(tasks))


def interval(matrix: Matrix, resamples: int = RESAMPLES, level: float = 0.95) -> Interval:
    """Mean of a seeds × tasks matrix with an interval, of 95% unless told otherwise.

    Percentile bootstrap that draws seeds and tasks anew, independently of each other (the
    pigeonhole bootstrap, Owen 2007, 0712.1111), so the interval speaks about another training run
    evaluated on other tasks of the same kind. It errs on the wide side where the noise of single
    episodes dominates, and is too narrow where few seeds differ strongly: simulated with 60 tasks,
    it covers the truth in 98% of cases with 3 seeds whose own success has a standard deviation of
    5 points, 94% at 10 points and 88% at 15 (5 seeds: 96, 97, 93%). One seed: tasks alone are
    drawn, and nothing is said about other runs.

    If all outcomes agree a bootstrap has width 0, which claims too much. Then the interval is
    Clopper-Pearson's for as many trials as there are tasks (or seeds, if more): for the success
    itself, or, for a difference, for the share of pairs on which the two disagree.

    Shapes: matrix [seeds, tasks], values in {-1, 0, 1} or NaN where an episode is missing.
    """
    known = ~np.isnan(matrix)
    matrix = matrix[known.any(1)][:, known.any(0)]
    if matrix.size == 0:
        return Interval(0.0, 0.0, 1.0, 0, 0)
    seeds, tasks = matrix.shape
    known, values = ~np.isnan(matrix), np.nan_to_num(matrix)
    mean = float(np.nanmean(matrix))
    if values[known].min() == values[known].max():
        low, high = _exact(mean, max(seeds, tasks), level)
        return Interval(mean, low, high, seeds, tasks)

    def statistic(seed: Index, task: Index) -> Matrix:
        n = known[seed, task].sum((-2, -1))
        drawn = (values[seed, task] * known[seed, task]).sum((-2, -1)) / np.maximum(n, 1)
        return np.where(n > 0, drawn, mean)

    low, high = bootstrap(statistic, (seeds, tasks), resamples, level)
    return Interval(mean, min(low, mean), max(high, mean), seeds, tasks)


def bootstrap(
    statistic: Callable[..., Matrix],
    sizes: Sequence[int],
    resamples: int = RESAMPLES,
    level: float = 0.95,
) -> tuple[float, float]:
    """Percentile interval of a statistic of indices, all drawn anew independently of each
    other.

    sizes: (seeds, tasks) for one matrix, or (seeds, tasks, seeds, tasks, ...) for several, each
    drawn within itself: a stratified bootstrap. statistic: from index arrays of shapes
    [..., seeds, 1] and [..., 1, tasks], in that order, to values of shape [...].
    """
    varied = [i for i, size in enumerate(sizes) if size > 1]

    def value(*drawn: Index, axis: int = -1) -> Matrix:
        lead = drawn[0].shape[:-1]
        whole = [np.zeros((*lead, size), np.int64) for size in sizes]
        for i, index in zip(varied, drawn, strict=True):
            whole[i] = index
        return statistic(
            *(x[..., None, :] if i % 2 else x[..., :, None] for i, x in enumerate(whole))
        )

    if not varied:  # one seed and one task: nothing can be drawn otherwise
        return -np.inf, np.inf
    found = stats.bootstrap(
        [np.arange(sizes[i]) for i in varied],
        value,
        vectorized=True,
        axis=-1,
        method="percentile",
        confidence_level=level,
        n_resamples=resamples,
        batch=500,
        random_state=np.random.default_rng(0),
    ).confidence_interval
    return float(found.low), float(found.high)


def _exact(value: float, n: int, level: float = 0.95) -> tuple[float, float]:
    """Clopper-Pearson for n outcomes that all equal `value`, which is -1, 0 or 1."""
    ci: Any = stats.binomtest(n if value else 0, n).proportion_ci(level, method="exact")
    if value < 0:
        return -float(ci.high), -float(ci.low)
    return float(ci.low), float(ci.high)


def _difference(
    a: str, rows_a: Mapping[int, Row], b: str, rows_b: Mapping[int, Row], level: float = 0.95
) -> Difference | None:
    common = {
        seed: set(rows_a[seed].eval_seeds) & set(rows_b[seed].eval_seeds)
        for seed in sorted(set(rows_a) & set(rows_b))
    }
    seeds = [seed for seed, tasks in common.items() if tasks]
    tasks = sorted(set().union(*common.values()))
    if not seeds:
        return None
    left = outcomes({seed: rows_a[seed] for seed in seeds}, tasks)
    right = outcomes({seed: rows_b[seed] for seed in seeds}, tasks)
    both = left - right
    found = interval(both, level=level)
    if not np.nan_to_num(both).any():  # every pair alike: the disagreement has no sign
        found = Interval(0.0, -found.high, found.high, found.seeds, found.tasks)
    # Tasks alone are drawn then, and of few that differ a percentile bootstrap is too narrow.
    p = exact_test(int((both > 0).sum()), int((both < 0).sum())) if len(seeds) == 1 else 0.0
    return Difference(
        a,
        b,
        found,
        _chance(left, right),
        seeds_needed(list(np.nanmean(both, axis=1))),
        p if p >= 1 - level else None,
    )


def exact_test(a_only: int, b_only: int) -> float:
    """p of McNemar's exact test, two-sided, from the episodes that one of two solved."""
    n = a_only + b_only
    return float(stats.binomtest(a_only, n).pvalue) if n else 1.0


def _chance(left: Matrix, right: Matrix) -> Interval:
    """The probability of improvement, from two matrices with the same episodes missing."""
    seeds, tasks = left.shape
    known = ~(np.isnan(left) | np.isnan(right))

    def statistic(seed: Index, task: Index) -> Matrix:
        n = np.maximum(known[seed, task].sum(-1), 1)
        x, y = (np.where(known, matrix, 0.0)[seed, task].sum(-1) / n for matrix in (left, right))
        return improvement(x, y)

    everything = np.arange(seeds)[:, None], np.arange(tasks)[None, :]
    mean = float(statistic(*everything))
    low, high = bootstrap(statistic, (seeds, tasks), 1999)
    if low == high:  # every draw alike, which is no certainty
        low, high = unanimous(mean, seeds)
    return Interval(mean, max(0.0, min(low, mean)), min(1.0, max(high, mean)), seeds, tasks)


def improvement(x: Matrix, y: Matrix) -> Matrix:
    """P(X > Y) + P(X = Y) / 2 over all pairs. Shapes: [..., runs] both; result [...]."""
    u: Any = stats.mannwhitneyu(x, y, axis=-1, method="asymptotic").statistic
    return np.asarray(u / (x.shape[-1] * y.shape[-1]))


def unanimous(value: float, trials: int) -> tuple[float, float]:
    """Bounds of a mean of outcomes in [0, 1] of which `trials` were seen, all equal to `value`.

    Clopper-Pearson bounds how rarely that outcome comes; the others may be anything. For an outcome
    of 0 or 1 that is Clopper-Pearson's own interval.
    """
    least, _ = _exact(1.0, trials)
    return least * value, least * value + 1 - least
