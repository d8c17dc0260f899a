"""Can DAgger help here? A verdict on a task, a teacher and a student, with its uncertainty.

Behaviour cloning pays, for an error, what that error costs *the student*: at worst the rest of the
episode, T²ε in all (Ross & Bagnell 2010, theorem 2.1). DAgger pays what it costs one who goes on as
the teacher does: uTε (Ross et al. 2011, theorem 3.2). At the same ε they differ by the chance of an
error times the difference of the two costs, and that can be measured: success where the teacher
takes over at the student's first error, minus that of the student alone. It is the *headroom*, the
most that learning to recover can bring.

More demonstrations make ε smaller, though, wherever the teacher's states are alike to those after
an error. Only what the student does wrong beyond that is left to labels on its own states. Of its
disagreements after an error, at a rate ε', the share (ε' - ε) / ε' would not be there if it erred
as it does on the teacher's states: an attributable fraction, as epidemiology has it (Levin 1953).
So what only DAgger can bring is estimated as

    gain = headroom · (ε' - ε) / ε'

in success. This is at the ε of today. Where the student can represent what the teacher does, ε
falls as demonstrations are added, and imitation may need no help at all (Foster et al. 2024,
2407.15007). Whoever has a student that was fitted to half of the demonstrations can look: if the
log-odds of success go on as they did between half and all of them, so much of the gap is left when
they double, and that share of the gain is what DAgger can be *ahead* of SFT by.

Like everything here it is measured on the same tasks (`meter.measure`), so what is hard
for everybody cancels out, and its interval is a bootstrap over tasks.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import fmean

from dagger_algo.conversation import Episode
from dagger_algo.errors import ConfigError
from dagger_algo.meter import Opinion, Rates, Same, Trial, opinions, rates, same_action
from dagger_algo.shift import FEWEST, Interval, Shift, mean_interval, won
from dagger_algo.shift import shift as measure_shift


class Verdict(StrEnum):
    """What comes of it."""

    HELPS = "DAgger can help here"
    NOTHING = "nothing to gain"
    UNKNOWN = "cannot tell yet"


@dataclass(frozen=True)
class Diagnosis:
    """All shares are of 1.

    more: about how many more tasks a verdict needs; 0 when there is one. teacher, student: success
    of each alone. rescued: success where the teacher takes over at the student's first error. gap:
    teacher - student. headroom: rescued - student. shift: ε' - ε, disagreement after the first
    error, where it stands minus where the teacher puts it right; over the tasks with an error after
    which both go on. gain: the part of the headroom that the shift accounts for. ahead: what is
    left of the gain when demonstrations double; of 0 tasks where that is not known. u_success,
    u_turns: what one error costs a student that from there on does as the teacher does, in success
    and (where both succeed) in turns. alone: what it costs this student, in success. errors: tasks
    with an error. rates: disagreement by how the state was reached. length: the teacher's turns per
    episode.
    """

    verdict: Verdict
    because: str
    more: int
    teacher: Interval
    student: Interval
    rescued: Interval
    gap: Interval
    headroom: Interval
    shift: Interval
    gain: Interval
    ahead: Interval
    u_success: Interval
    u_turns: Interval
    alone: Interval
    errors: int
    rates: Rates
    length: float


def diagnose(
    trials: Sequence[Trial],
    margin: float = 0.1,
    same: Same = same_action,
    halved: Sequence[Episode] | None = None,
) -> Diagnosis:
    """The verdict on what `measure` found.

    margin: the smallest gain in success that would matter. It can help when the gain is estimated
    at the margin or more and its interval lies above 0; there is nothing to gain when the interval
    of the gain, of the headroom or of the gap lies below the margin: neither is larger than the
    next, so one is enough. Otherwise it cannot be told yet. halved: episodes of a student with half
    of the demonstrations, on the same tasks; what is left of the gain when they double then takes
    the gain's place. Needs scipy. Raises ConfigError without any trial.
    """
    if not trials:
        raise ConfigError("nothing to diagnose: no episode came to its end")
    erring = [trial for trial in trials if trial.erred]
    teacher = mean_interval([float(t.teacher.success) for t in trials], 0.0, 1.0)
    student = mean_interval([float(t.student.success) for t in trials], 0.0, 1.0)
    gap = mean_interval([won(t.teacher) - won(t.student) for t in trials])
    headroom = mean_interval([won(t.rescued) - won(t.student) for t in trials])
    shift = measure_shift(trials, halved, same)
    verdict, because, more = _judge(gap, headroom, shift, margin)
    both = [t for t in erring if t.teacher.success and t.rescued.success]
    states: list[Opinion] = []
    for trial in trials:
        states += [*opinions(trial.teacher, same), *opinions(trial.student, same)]
    return Diagnosis(
        verdict,
        because,
        more,
        teacher,
        student,
        mean_interval([won(t.rescued) for t in trials], 0.0, 1.0),
        gap,
        headroom,
        shift.rate,
        shift.gain,
        shift.ahead,
        mean_interval([won(t.teacher) - won(t.rescued) for t in erring]),
        mean_interval(
            [float(len(t.rescued.turns) - len(t.teacher.turns)) for t in both], None, None
        ),
        mean_interval([won(t.teacher) - won(t.student) for t in erring]),
        len(erring),
        rates(states),
        fmean(len(t.teacher.turns) for t in trials),
    )


def _judge(
    gap: Interval, headroom: Interval, shift: Shift, margin: float
) -> tuple[Verdict, str, int]:
    if gap.high < margin:
        return Verdict.NOTHING, "the student already succeeds as often as the teacher", 0
    if headroom.high < margin:
        reason = (
            "errors cannot be undone: after the student's first error the teacher fares no better "
            "than the student does, so there is no recovery to be learnt"
        )
        return Verdict.NOTHING, reason, 0
    known = shift.rate.tasks >= FEWEST
    if known and shift.gain.high < margin:
        reason = (
            "after an error the student comes nowhere that demonstrations do not show, or errs "
            "there no more than where the teacher leads, or too little more to matter: more "
            "demonstrations do the same for it"
        )
        return Verdict.NOTHING, reason, 0
    if shift.ahead.tasks and shift.ahead.high < margin:
        reason = (
            "demonstrations close the gap by themselves: at the pace of their last doubling, as "
            "many again leave too little of it to matter"
        )
        return Verdict.NOTHING, reason, 0
    gain = shift.ahead if shift.ahead.tasks else shift.gain
    if known and gain.low > 0 and gain.mean >= margin:
        reason = (
            "after its own errors the student is lost where the teacher would recover, and no "
            "demonstration shows how"
        )
        return Verdict.HELPS, reason, 0
    if not known:
        more = math.ceil(gain.tasks * (FEWEST / max(1, shift.rate.tasks) - 1))
        reason = (
            f"only {shift.rate.tasks} tasks say how the student fares after an error, and {FEWEST} "
            "are needed at least"
        )
    else:
        more = _more(gain, margin)
        reason = (
            f"the gain is estimated at {gain.mean:.2f}, and may be {max(0.0, gain.low):.2f} or "
            f"{gain.high:.2f}"
        )
    return Verdict.UNKNOWN, f"{reason}; measure about {more} more tasks", more


def _more(gain: Interval, margin: float) -> int:
    """Tasks that are missing: the interval narrows with the root of their number, and must leave
    out 0 (of an estimate at the margin or above) or else the margin. A gain that lies right at the
    margin would never be told; it is asked for no more than what tells half of the margin apart."""
    wide = max(gain.high - gain.mean, gain.mean - gain.low)
    enough = gain.mean if gain.mean >= margin else max(margin - gain.mean, margin / 2)
    return max(1, math.ceil(gain.tasks * ((wide / enough) ** 2 - 1)))
