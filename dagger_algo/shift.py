"""What the student's first error changes: how much more it errs after it, and what that costs.

Estimates over the tasks of `meter.measure`, each with a bootstrap interval over tasks; what they
are for is in `diagnosis.py`.
"""

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from dagger_algo.conversation import Episode
from dagger_algo.meter import Opinion, Same, Trial, opinions

RESAMPLES = 4999
# Of so many at a time, for memory's sake.
BATCH = 200
# With fewer tasks than this a bootstrap is too sure of itself.
FEWEST = 10
# Answers that make up less of those in a state count as slips of the teacher.
RARE = 0.2
State = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean over `tasks` tasks with its 95% interval."""

    mean: float
    low: float
    high: float
    tasks: int


def won(episode: Episode) -> float:
    """1 for a success."""
    return float(episode.success)


@dataclass(frozen=True)
class Shift:
    """rate: ε' - ε. gain: headroom · (ε' - ε) / ε'. ahead: what is left of the gain when the
    demonstrations double. All three are defined in `diagnosis.py`."""

    rate: Interval
    gain: Interval
    ahead: Interval


def shift(trials: Sequence[Trial], halved: Sequence[Episode] | None, same: Same) -> Shift:
    """The estimates, each with its interval.

    Rates are over the states after a first disagreement, each counted once in an episode: ε' of the
    student's own episode, where the error stands, ε of the teacher's on the same task, where it was
    put right. Without shift the two are alike in expectation. Of the student's own only those count
    that none of the teacher's episodes shows: one that is sent back to where demonstrations begin
    has not come anywhere new, and its task is none in which a shift cost success.

    halved: episodes on the same tasks of a student with half of the demonstrations. Tasks of the
    rate are those in which both episodes go on after the error; with fewer than FEWEST nothing is
    said. Needs scipy.
    """
    import numpy as np

    usual = _Usual([e for trial in trials for e in (trial.teacher, trial.student)])
    shown = {usual(state) for trial in trials for state, _ in _states(trial.teacher, same)}
    data = np.array([_counts(trial, shown, usual, same) for trial in trials], dtype=float).T
    informative = int((data[4] > 0).sum())
    unknown = Interval(math.nan, -1.0, 1.0, 0)
    if informative < FEWEST:
        rate, gain = float(_excess(*data)), float(_gain(*data))
        return Shift(
            Interval(rate, -1.0, 1.0, informative),
            Interval(gain, -1.0, 1.0, len(trials)),
            unknown,
        )
    lost = mean_interval([float(x) for x in data[0]])
    found = Shift(
        _bootstrap(_excess, data, informative),
        _widened(_bootstrap(_gain, data, len(trials)), lost, informative),
        unknown,
    )
    fewer = {episode.seed: won(episode) for episode in halved or ()}
    pairs = [(i, t) for i, t in enumerate(trials) if t.student.seed in fewer]
    if len(pairs) < FEWEST:
        return found
    successes = [(won(t.teacher), won(t.student), fewer[t.student.seed]) for _, t in pairs]
    both = np.concatenate([data[:, [i for i, _ in pairs]], np.array(successes).T])
    ahead = _widened(_bootstrap(_ahead, both, len(pairs)), lost, informative)
    return Shift(found.rate, found.gain, ahead)


def _counts(
    trial: Trial, shown: Collection[State], usual: "_Usual", same: Same
) -> tuple[float, int, int, int, int]:
    """Success that undoing the error would bring, if it led to anything that is not shown;
    disagreements and states after the first error where it stands, then where it was put right."""
    after, taught = _after_first(trial.student, same), _after_first(trial.teacher, same)
    own = {state: wrong for state, wrong in after.items() if usual(state) not in shown}
    headroom = won(trial.rescued) - won(trial.student) if own else 0.0
    if not after or not taught:
        return headroom, 0, 0, 0, 0
    return headroom, sum(own.values()), len(own), sum(taught.values()), len(taught)


class _Usual:
    """Takes a state at which a teacher that errs, or words its answers freely, said what it hardly
    ever says there for the state as it usually is: else each such answer would make a state that no
    demonstration shows."""

    def __init__(self, episodes: Sequence[Episode]) -> None:
        self._labels: dict[str, Counter[str]] = {}
        for episode in episodes:
            for opinion in opinions(episode):
                seen, label = _state(episode, opinion)
                self._labels.setdefault(seen, Counter())[label] += 1

    def __call__(self, state: State) -> State:
        seen, label = state
        labels = self._labels[seen]
        if labels[label] >= RARE * labels.total():
            return state
        return seen, labels.most_common(1)[0][0]


def _rates(own: Any, new: Any, taught: Any, led: Any, axis: int) -> tuple[Any, Any]:
    """ε' and ε; where an error leads nowhere that is not shown, ε' is ε: no shift."""
    import numpy as np

    own, new, taught, led = (x.sum(axis=axis) for x in (own, new, taught, led))
    epsilon = taught / np.maximum(led, 1)
    return np.where(new > 0, own / np.maximum(new, 1), epsilon), epsilon


def _excess(lost: Any, own: Any, new: Any, taught: Any, led: Any, axis: int = -1) -> Any:
    after, before = _rates(own, new, taught, led, axis)
    return after - before


def _gain(lost: Any, own: Any, new: Any, taught: Any, led: Any, axis: int = -1) -> Any:
    import numpy as np

    after, before = _rates(own, new, taught, led, axis)
    attributable = np.where(after > 0, (after - before) / np.where(after > 0, after, 1.0), 0.0)
    return lost.mean(axis=axis) * np.maximum(attributable, -1.0)


def _ahead(*columns: Any, axis: int = -1) -> Any:
    import numpy as np

    lost, own, new, taught, led, teacher, now, fewer = columns
    gain = _gain(lost, own, new, taught, led, axis=axis)
    gap = teacher.mean(axis=axis) - now.mean(axis=axis)
    odds, before = _log_odds(now, axis), _log_odds(fewer, axis)
    doubled = 1 / (1 + np.exp(-(odds + np.maximum(0.0, odds - before))))
    left = (teacher.mean(axis=axis) - doubled) / np.maximum(gap, 1e-9)
    return gain * np.clip(left, 0.0, 1.0)


def _log_odds(successes: Any, axis: int) -> Any:
    """With half a success and half a failure added, so that neither is ever certain."""
    import numpy as np

    won, n = successes.sum(axis=axis), successes.shape[axis]
    return np.log((won + 0.5) / (n - won + 0.5))


def _bootstrap(statistic: Callable[..., Any], data: Any, tasks: int) -> Interval:
    import numpy as np
    from scipy.stats import bootstrap

    between = bootstrap(
        tuple(data),
        statistic,
        n_resamples=RESAMPLES,
        batch=BATCH,
        paired=True,
        vectorized=True,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return Interval(float(statistic(*data)), float(between.low), float(between.high), tasks)


def _widened(gain: Interval, lost: Interval, informative: int) -> Interval:
    """A bootstrap of what is the same in every task has width 0: see `mean_interval`."""
    if gain.low < gain.high:
        return gain
    if lost.mean == 0.0:
        return Interval(gain.mean, lost.low, lost.high, gain.tasks)
    room = _unseen(informative) * max(lost.high - gain.mean, gain.mean + lost.high)
    return Interval(gain.mean, gain.mean - room, gain.mean + room, gain.tasks)


def _after_first(episode: Episode, same: Same) -> dict[State, bool]:
    """The states after the first disagreement, and whether there was another one."""
    found = list(_states(episode, same))
    first = next((i for i, (_, disagrees) in enumerate(found) if disagrees), len(found))
    return dict(found[first + 1 :])


def _states(episode: Episode, same: Same) -> Iterator[tuple[State, bool]]:
    for opinion in opinions(episode, same):
        yield _state(episode, opinion), opinion.disagrees


def _state(episode: Episode, opinion: Opinion) -> State:
    """What tells a state from others: what is seen there and what is to be done (the same test
    output before and after an edit wants different things). The instruction above the first
    observation is left out where the rest comes again."""
    turn = episode.turns[opinion.turn]
    seen = turn.observation
    if opinion.turn == 0:
        again = (t.observation for t in episode.turns[1:] if seen.endswith("\n" + t.observation))
        seen = next(again, seen)
    return seen, turn.label.text if turn.label else ""


def mean_interval(
    values: Sequence[float], lowest: float | None = -1.0, highest: float | None = 1.0
) -> Interval:
    """The mean with a percentile bootstrap interval over the values.

    If all values agree a bootstrap has width 0, which claims too much. Then up to 1 - 0.025^(1/n)
    of what could have come may differ (Clopper-Pearson for n of n), at worst by lying at the
    bounds; where there are no bounds nothing can be said.
    """
    import numpy as np
    from scipy.stats import bootstrap

    n = len(values)
    if n == 0:
        return Interval(math.nan, _or_nan(lowest), _or_nan(highest), 0)
    mean = fmean(values)
    if min(values) == max(values):
        low, high = (mean + _unseen(n) * (_or_nan(bound) - mean) for bound in (lowest, highest))
        return Interval(mean, low, high, n)
    found = bootstrap(
        (np.array(values),),
        np.mean,
        n_resamples=RESAMPLES,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return Interval(mean, float(found.low), float(found.high), n)


def _unseen(n: int) -> float:
    """The largest share of what n draws, all alike, may have missed; at 97.5%."""
    return float(1 - 0.025 ** (1 / n))


def _or_nan(bound: float | None) -> float:
    return math.nan if bound is None else bound
