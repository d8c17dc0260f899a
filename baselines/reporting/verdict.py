"""What `diagnose` has found, for a terminal."""

import math
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from baselines.sweep.display import lost_labels, money
from dagger_algo.diagnosis import Diagnosis, Verdict
from dagger_algo.meter import Reached
from dagger_algo.shift import Interval


def print_diagnosis(found: Diagnosis, spent: Mapping[str, Any], console: Console) -> None:
    """The verdict below the figures that it rests on. spent: a ledger's figures of the teacher."""
    table = Table(title="What was measured", title_justify="left")
    table.add_column("")
    table.add_column("mean", justify="right")
    table.add_column("95% interval", justify="right")
    table.add_column("tasks", justify="right")
    for name, value in (
        ("success of the teacher", found.teacher),
        ("success of the student", found.student),
        ("success where the teacher takes over at the first error", found.rescued),
        ("headroom: success that undoing errors would bring", found.headroom),
        ("what an error costs this student, in success", found.alone),
        ("u: what it costs where the teacher goes on, in success", found.u_success),
        ("u: the same in turns, where both succeed", found.u_turns),
        ("shift: disagreement after an error, above the teacher's states", found.shift),
        ("gain: the part of the headroom that the shift accounts for", found.gain),
        ("the gain that is left when demonstrations double", found.ahead),
    ):
        table.add_row(name, *_cells(value))
    console.print(table)
    table = Table(title="Disagreement with the teacher", title_justify="left")
    for name in ("states", "share", "95% interval", "seen"):
        table.add_column(name, justify="left" if name == "states" else "right")
    names = {
        Reached.TEACHER: "the teacher's",
        Reached.AGREEING: "the student's own, before its first error",
        Reached.ERRED: "the student's own, after an error",
    }
    for where, rate in found.rates.items():
        low, high = rate.interval()
        share = f"{rate.share:.3f}" if rate.states else "-"
        between = f"{low:.3f} to {high:.3f}" if rate.states else "-"
        table.add_row(names[where], share, between, str(rate.states))
    console.print(table)
    console.print(_theory(found), highlight=False)
    console.print(_asked(spent), highlight=False)
    color = {Verdict.HELPS: "green", Verdict.NOTHING: "yellow", Verdict.UNKNOWN: "cyan"}
    console.print(
        f"[bold {color[found.verdict]}]{found.verdict.value}[/]: {found.because}.",
        highlight=False,
    )


def _asked(spent: Mapping[str, Any]) -> str:
    """How often the teacher was asked, what it cost, and what came to nothing."""
    parts = (f"{spent['teacher_queries']:,} questions to the teacher", money(spent))
    cost = ", money ".join(part for part in parts if part)
    lost = lost_labels(spent)
    return f"{cost}{lost and f'; {lost}'}."


def _cells(value: Interval) -> tuple[str, str, str]:
    if value.tasks == 0:
        return "-", "-", "0"
    between = "-" if math.isnan(value.low) else f"{value.low:.2f} to {value.high:.2f}"
    return f"{value.mean:.2f}", between, str(value.tasks)


def _theory(found: Diagnosis) -> str:
    """The two bounds with what was measured put in."""
    epsilon, turns = found.rates[Reached.TEACHER].share, found.length
    cloning = min(1.0, turns * epsilon)
    text = (
        f"With ε = {epsilon:.3f} on the teacher's states and T = {turns:.0f} turns an episode has "
        f"Tε = {turns * epsilon:.2f} errors to expect. If each is final, imitation of "
        f"demonstrations loses up to {cloning:.2f} in success (T²ε in turns; Ross & Bagnell 2010)"
    )
    if found.u_success.tasks:
        loss = min(1.0, max(0.0, found.u_success.mean) * turns * epsilon)
        text += (
            f"; a student that recovers as the teacher does, uTε = {loss:.2f} (Ross et al. 2011)"
        )
    return text + "."
