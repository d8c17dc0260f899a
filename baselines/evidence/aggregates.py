"""One figure for a method over all its runs, in several environments too (Agarwal et al. 2021,
2108.13264): interquartile mean, mean, median, performance profile, probability of improvement.

Every interval is a stratified bootstrap: within each environment, and budget, training seeds and
evaluation tasks are drawn anew, independently of each other (see `stats.interval`). Where all draws
agree it has no width, which claims too much: then each stratum has the bounds of `stats.unanimous`,
and they are averaged, which covers at least as often (their errors would have to meet).
"""

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from baselines.evidence.results import Results, Row
from baselines.evidence.stats import (
    Index,
    Interval,
    Matrix,
    bootstrap,
    exact_test,
    improvement,
    outcomes,
    unanimous,
)

THRESHOLDS = tuple(round(0.05 * i, 2) for i in range(21))


@dataclass(frozen=True, slots=True)
class Aggregate:
    """Success of a method's runs, each run counting once.

    iqm: mean of the middle half of the runs; below four runs that is the mean.
    """

    iqm: Interval
    mean: Interval
    median: Interval


@dataclass(frozen=True, slots=True)
class Profile:
    """Share of runs whose success is at least each threshold, with pointwise 95% intervals."""

    thresholds: tuple[float, ...]
    share: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class McNemar:
    """Evaluation episodes that one method solved and the other did not.

    p: exact, two-sided. Episodes of several seeds are counted as independent, which those of the
    same task are not quite: with more than one seed the interval of the paired difference is the
    better judge.
    """

    a_only: int
    b_only: int
    p: float


def aggregate(results: Results, method: str) -> Aggregate | None:
    """Over all environments and budgets that `results` hold; None if no run reached its end."""
    strata = [outcomes(rows) for rows in _finals(results, method)]
    if not strata:
        return None
    return Aggregate(_interval(strata, _iqm), _interval(strata, _mean), _interval(strata, _median))


def profile(
    results: Results, method: str, thresholds: Sequence[float] = THRESHOLDS
) -> Profile | None:
    """The performance profile; None if no run reached its end."""
    strata = [outcomes(rows) for rows in _finals(results, method)]
    if not strata:
        return None
    found = [
        _interval(strata, functools.partial(_reached, floor), 999, of_runs=True)
        for floor in thresholds
    ]
    return Profile(
        tuple(thresholds),
        tuple(one.mean for one in found),
        tuple(one.low for one in found),
        tuple(one.high for one in found),
    )


def probability_of_improvement(results: Results, a: str, b: str) -> Interval | None:
    """That a run of `a` beats one of `b` in the same environment at the same budget, averaged over
    these; ties count half. Both methods' runs are drawn with the same seeds and tasks, as they
    share them. None if no environment has runs of both."""
    pairs = [(left, right) for left, right in _shared(results, a, b) if left.size]
    if not pairs:
        return None
    sizes = [size for left, _ in pairs for size in left.shape]

    def statistic(*drawn: Index) -> Matrix:
        parts = [
            improvement(*(np.nanmean(matrix[seed, task], axis=-1) for matrix in pair))
            for pair, seed, task in zip(pairs, drawn[::2], drawn[1::2], strict=True)
        ]
        return np.asarray(np.mean(parts, axis=0))

    whole = [_everything(left.shape) for left, _ in pairs]
    alone = [
        float(improvement(*(np.nanmean(matrix[seed, task], axis=-1) for matrix in pair)))
        for pair, (seed, task) in zip(pairs, whole, strict=True)
    ]
    alike = [unanimous(one, len(left)) for one, (left, _) in zip(alone, pairs, strict=True)]
    return _bounded(statistic, sizes, 1999, np.mean(alike, axis=0))


def mcnemar(results: Results, a: str, b: str) -> McNemar | None:
    """The exact test on the episodes on which the two differ; None if they share none."""
    pairs = list(_shared(results, a, b))
    if not pairs:
        return None
    a_only = sum(int(np.nansum(left > right)) for left, right in pairs)
    b_only = sum(int(np.nansum(left < right)) for left, right in pairs)
    return McNemar(a_only, b_only, exact_test(a_only, b_only))


def _iqm(runs: Matrix) -> Matrix:
    return np.asarray(stats.trim_mean(runs, 0.25, axis=-1))


def _mean(runs: Matrix) -> Matrix:
    return np.asarray(runs.mean(-1))


def _median(runs: Matrix) -> Matrix:
    return np.asarray(np.median(runs, axis=-1))


def _reached(floor: float, runs: Matrix) -> Matrix:
    return np.asarray((runs >= floor - 1e-9).mean(-1))


def _finals(results: Results, method: str) -> Iterator[dict[int, Row]]:
    """The last rounds of each part in which the method reached its end at all."""
    for env, budget in results.settings_pairs:
        if rows := results.at(env, budget).final(method):
            yield rows


def _shared(results: Results, a: str, b: str) -> Iterator[tuple[Matrix, Matrix]]:
    """Outcomes of both, of the seeds and tasks that both have: [seeds, tasks] each, complete."""
    for env, budget in results.settings_pairs:
        part = results.at(env, budget)
        left, right = part.final(a), part.final(b)
        seeds = sorted(set(left) & set(right))
        if not seeds:
            continue
        rows = [*(left[seed] for seed in seeds), *(right[seed] for seed in seeds)]
        tasks = sorted(set.intersection(*(set(row.eval_seeds) for row in rows)))
        yield (
            outcomes({seed: left[seed] for seed in seeds}, tasks),
            outcomes({seed: right[seed] for seed in seeds}, tasks),
        )


def _interval(
    strata: Sequence[Matrix],
    over: Callable[[Matrix], Matrix],
    resamples: int = 4999,
    *,
    of_runs: bool = False,
) -> Interval:
    """A statistic of all runs' success. over: from [..., runs] to [...]. of_runs: a run, however
    many tasks it was evaluated on, is one trial."""
    known = [~np.isnan(matrix) for matrix in strata]
    values = [np.nan_to_num(matrix) for matrix in strata]
    own = [np.nanmean(matrix, axis=1) for matrix in strata]

    def statistic(*drawn: Index) -> Matrix:
        runs = []
        for i, (seed, task) in enumerate(zip(drawn[::2], drawn[1::2], strict=True)):
            n = known[i][seed, task].sum(-1)
            mean = values[i][seed, task].sum(-1) / np.maximum(n, 1)
            # A draw of only missing episodes says nothing new about its run.
            runs.append(np.where(n > 0, mean, own[i][seed[..., 0]]))
        return over(np.concatenate(runs, axis=-1))

    alike = [
        unanimous(float(over(runs)), len(runs) if of_runs else max(matrix.shape))
        for runs, matrix in zip(own, strata, strict=True)
    ]
    sizes = [size for matrix in strata for size in matrix.shape]
    bounds = np.average(alike, axis=0, weights=[len(runs) for runs in own])
    return _bounded(statistic, sizes, resamples, bounds)


def _everything(shape: Sequence[int]) -> tuple[Index, Index]:
    """The indices of all seeds and of all tasks, as `bootstrap` hands them."""
    seeds, tasks = shape
    return np.arange(seeds)[:, None], np.arange(tasks)[None, :]


def _bounded(
    statistic: Callable[..., Matrix], sizes: Sequence[int], resamples: int, alike: Matrix
) -> Interval:
    """The statistic of what there is, between 0 and 1, with its bootstrap interval; with the bounds
    `alike` where every draw gives the same."""
    shapes = zip(sizes[::2], sizes[1::2], strict=True)
    value = float(statistic(*(index for shape in shapes for index in _everything(shape))))
    low, high = bootstrap(statistic, sizes, resamples)
    seeds, tasks = sum(sizes[::2]), max(sizes[1::2])
    if low == high:  # every draw alike, which is no certainty
        low, high = map(float, alike)
    return Interval(value, max(0.0, min(low, value)), min(1.0, max(high, value)), seeds, tasks)
