"""Can DAgger help here? A verdict on a task, a teacher and a student, with its uncertainty.

More demonstrations teach the student what to do on the teacher's states; DAgger also teaches it
what to do after its own errors. That pays only where three things hold together: the student
falls short of the teacher; after its errors the teacher would still succeed where the student does
not; and there it errs more than it does where the teacher leads. Each is measured on the same
tasks (`meter.measure`), so what is hard for everybody cancels out.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import fmean

from dagger_algo.conversation import Episode
from dagger_algo.errors import ConfigError
from dagger_algo.meter import Opinion, Rates, Same, Trial, opinions, rates, same_action

RESAMPLES = 4999
# With fewer tasks than this a bootstrap of a mean is too sure of itself.
FEWEST = 10


class Verdict(StrEnum):
    """What comes of it."""

    HELPS = "DAgger can help here"
    NOTHING = "nothing to gain"
    UNKNOWN = "not enough evidence"


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean over `tasks` tasks with its 95% interval."""

    mean: float
    low: float
    high: float
    tasks: int


@dataclass(frozen=True)
class Diagnosis:
    """All shares are of 1.

    teacher, student: success of each alone. rescued: success where the teacher takes over at the
    student's first error. gap: teacher - student. headroom: rescued - student, the most that
    learning to recover can bring while errors are as frequent as now. shift: disagreement after
    the first error, where it stands minus where the teacher puts it right; over the tasks with an
    error. u_success, u_turns: what one error costs a student that from there on does as the teacher
    does, in success and (where both succeed) in turns. alone: what it costs this student, in
    success. errors: tasks with an error. rates: disagreement by how the state was reached.
    length: the teacher's turns per episode.
    """

    verdict: Verdict
    because: str
    teacher: Interval
    student: Interval
    rescued: Interval
    gap: Interval
    headroom: Interval
    shift: Interval
    u_success: Interval
    u_turns: Interval
    alone: Interval
    errors: int
    rates: Rates
    length: float


def diagnose(trials: Sequence[Trial], margin: float = 0.1, same: Same = same_action) -> Diagnosis:
    """The verdict on what `measure` found.

    margin: the smallest gain in success, and the smallest difference in disagreement, that would
    matter. Something is said to be there when its interval lies above 0, and not to be there when
    it lies below the margin. Needs scipy. Raises ConfigError without any trial.
    """
    if not trials:
        raise ConfigError("nothing to diagnose: no episode came to its end")
    erring = [trial for trial in trials if trial.erred]
    teacher = _mean([float(t.teacher.success) for t in trials], 0.0, 1.0)
    student = _mean([float(t.student.success) for t in trials], 0.0, 1.0)
    gap = _mean([_won(t.teacher) - _won(t.student) for t in trials])
    headroom = _mean([_won(t.rescued) - _won(t.student) for t in trials])
    shift = _mean([d for t in erring if (d := _shift(t, same)) is not None])
    if shift.tasks < FEWEST:
        shift = Interval(shift.mean, -1.0, 1.0, shift.tasks)
    verdict, because = _judge(gap, headroom, shift, margin)
    both = [t for t in erring if t.teacher.success and t.rescued.success]
    states: list[Opinion] = []
    for trial in trials:
        states += [*opinions(trial.teacher, same), *opinions(trial.student, same)]
    return Diagnosis(
        verdict,
        because,
        teacher,
        student,
        _mean([_won(t.rescued) for t in trials], 0.0, 1.0),
        gap,
        headroom,
        shift,
        _mean([_won(t.teacher) - _won(t.rescued) for t in erring]),
        _mean([float(len(t.rescued.turns) - len(t.teacher.turns)) for t in both], None, None),
        _mean([_won(t.teacher) - _won(t.student) for t in erring]),
        len(erring),
        rates(states),
        fmean(len(t.teacher.turns) for t in trials),
    )


def _judge(
    gap: Interval, headroom: Interval, shift: Interval, margin: float
) -> tuple[Verdict, str]:
    if gap.high < margin:
        return Verdict.NOTHING, "the student already succeeds as often as the teacher"
    if headroom.high < margin:
        return Verdict.NOTHING, (
            "errors cannot be undone: after the student's first error the teacher fares no better "
            "than the student does, so there is no recovery to be learnt"
        )
    if shift.high < margin:
        return Verdict.NOTHING, (
            "the student errs no more after an error of its own than where the teacher leads: "
            "more demonstrations do the same for it"
        )
    if headroom.low > 0 and shift.low > 0:
        return Verdict.HELPS, (
            "after its own errors the student is lost where the teacher would recover, and no "
            "demonstration shows how"
        )
    if headroom.low <= 0:
        return Verdict.UNKNOWN, "whether recovery from an error would bring success is undecided"
    if shift.tasks < FEWEST:
        return Verdict.UNKNOWN, (
            f"only {shift.tasks} tasks say how the student fares after an error; {FEWEST} are "
            "needed at least"
        )
    return Verdict.UNKNOWN, "whether the student errs more after an error of its own is undecided"


def _won(episode: Episode) -> float:
    return float(episode.success)


def _shift(trial: Trial, same: Same) -> float | None:
    """Disagreement after the first error, minus that after the same point of the teacher's own
    episode, where the error was put right; None where either has no turn left.

    Without shift the two are alike in expectation, task by task: both count only what comes after
    a first disagreement. Only states that are new in the episode count: one that errs at the same
    state again and again has not come anywhere that demonstrations do not show, and 0 is the shift
    where all states after the error were seen before it.
    """
    own, taught = _after_first(trial.student, same), _after_first(trial.teacher, same)
    if own is None or not taught:
        return None
    return fmean(own) - fmean(taught) if own else 0.0


def _after_first(episode: Episode, same: Same) -> list[float] | None:
    """Whether there was another disagreement, at each new state after the first; None where the
    episode ends with the first, or has none."""
    found = list(opinions(episode, same))
    first = next((i for i, opinion in enumerate(found) if opinion.disagrees), len(found))
    if first + 1 >= len(found):
        return None
    seen = [_state(episode, opinion) for opinion in found]
    return [
        float(opinion.disagrees)
        for i, opinion in enumerate(found)
        if i > first and seen[i] not in seen[:i]
    ]


def _state(episode: Episode, opinion: Opinion) -> tuple[str, str]:
    """What tells a state from others of its episode: what is seen there and what is to be done (the
    same test output before and after an edit wants different things). The instruction above the
    first observation is left out where the rest comes again."""
    turn = episode.turns[opinion.turn]
    seen = turn.observation
    if opinion.turn == 0:
        again = (t.observation for t in episode.turns[1:] if seen.endswith("\n" + t.observation))
        seen = next(again, seen)
    return seen, turn.label.text if turn.label else ""


def _mean(
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
        share = 1 - 0.025 ** (1 / n)
        low, high = (mean + share * (_or_nan(bound) - mean) for bound in (lowest, highest))
        return Interval(mean, low, high, n)
    found = bootstrap(
        (np.array(values),),
        np.mean,
        n_resamples=RESAMPLES,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return Interval(mean, float(found.low), float(found.high), n)


def _or_nan(bound: float | None) -> float:
    return math.nan if bound is None else bound
