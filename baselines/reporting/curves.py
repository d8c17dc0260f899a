"""Success on held-out tasks against what it cost: learning curves, where the time went."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import EngFormatter, MaxNLocator, PercentFormatter

from baselines.evidence.names import label
from baselines.evidence.results import Results, Row
from baselines.evidence.stats import Point, curve
from baselines.reporting.figures import (
    INK,
    SHADES,
    Drawn,
    Looks,
    Missing,
    Studio,
    direct_labels,
    shades,
    shown,
)
from baselines.reporting.tables import amount

SECONDS = ("environment", "student", "teacher", "train", "evaluate")
UNITS = (("h", 3600.0), ("min", 60.0), ("s", 1.0), ("ms", 0.001))


@dataclass(frozen=True)
class Cost:
    """An axis of cost. of: its total at the end of a round, the warm start included."""

    name: str
    words: str
    of: Callable[[Row], float]
    caption: str


def training_seconds(row: Row) -> float:
    """Wall-clock by all phases of the ledger but evaluation, which is free."""
    return sum(seconds for what, seconds in row.seconds.items() if what != "evaluate")


COSTS = (
    Cost(
        "env_steps",
        "environment steps",
        lambda row: row.env_steps,
        "Success over <b>environment steps</b>. Thick: mean over seeds; thin: each seed; band: 95% "
        "interval. All lines begin at the shared warm start.",
    ),
    Cost(
        "teacher_tokens",
        "teacher tokens",
        lambda row: row.teacher_tokens,
        "Success over <b>teacher tokens</b>, executed or not. Dotted: the last level of a method "
        "that asks no teacher after the warm start.",
    ),
    Cost(
        "seconds",
        "training time, s",
        training_seconds,
        "Success over <b>wall-clock</b>: the ledger's seconds of all phases but evaluation. It "
        "depends on the machine, and on what else ran there.",
    ),
)


def learning_curves(part: Results, studio: Studio, looks: Looks, prefix: str) -> list[Drawn]:
    """One figure per cost, for one environment and budget."""
    curves = {method: curve(part, method) for method in part.methods}
    curves = {method: points for method, points in curves.items() if points}
    return [_curves(part, cost, curves, studio, looks, prefix) for cost in COSTS]


def _curves(
    part: Results,
    cost: Cost,
    curves: dict[str, list[Point]],
    studio: Studio,
    looks: Looks,
    prefix: str,
) -> Drawn:
    title = f"Success on held-out tasks over {cost.words}"
    spent = {method: _spent(part, method, points, cost) for method, points in curves.items()}
    reach = max((x for xs in spent.values() for x in xs), default=0.0)
    if not curves:
        return Missing(title, "no method has finished a round.")
    if reach <= 0:
        return Missing(title, f"no {cost.words} are on record.")

    def paint(canvas: Canvas) -> None:
        axes = canvas.add_subplot()
        for method, points in curves.items():
            colour, marker, line = looks(method)
            for rows in part.cells(method).values():
                axes.plot(
                    [cost.of(row) for row in rows],
                    [row.success for row in rows],
                    color=colour,
                    lw=0.6,
                    alpha=0.4,
                )
            _line(axes, spent[method], points, reach, colour, marker, line)
        axes.set(xlabel=cost.words, ylabel="success on held-out tasks", ylim=(-0.02, 1.02))
        axes.set_xlim(0, reach * 1.03)
        axes.xaxis.set_major_locator(MaxNLocator(6))
        if reach >= 1_000:
            axes.xaxis.set_major_formatter(EngFormatter(sep=""))
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        direct_labels(axes, [(p[-1].success.mean, label(m), looks(m)) for m, p in curves.items()])

    return studio.draw(f"{prefix}success-{cost.name}", title, cost.caption, paint)


def _spent(part: Results, method: str, points: Sequence[Point], cost: Cost) -> list[float]:
    """Mean over seeds at each point of the curve."""
    rows = [row for rows in part.cells(method).values() for row in rows]
    return [float(np.mean([cost.of(r) for r in rows if r.round == p.round])) for p in points]


def _line(
    axes: Axes,
    xs: Sequence[float],
    points: Sequence[Point],
    reach: float,
    colour: str,
    marker: str,
    style: str,
) -> None:
    if max(xs) - min(xs) < 0.01 * reach:  # it costs the method nothing: a level, not a curve
        level = points[-1].success.mean
        axes.plot([xs[-1], reach], [level, level], ":", color=colour, lw=1.4)
        axes.plot(xs[-1:], [level], marker, color=colour, ms=5)
        return
    low, high = [p.success.low for p in points], [p.success.high for p in points]
    axes.fill_between(xs, low, high, color=colour, alpha=0.13, lw=0)
    means = [p.success.mean for p in points]
    axes.plot(xs, means, style, color=colour, lw=1.8, marker=marker, ms=4.5)


def seconds_plot(part: Results, studio: Studio, prefix: str) -> Drawn:
    """Where the wall-clock of a run went: one stacked bar per method, mean over its seeds."""
    title = "Where the wall-clock went"
    finals = {method: list(part.final(method).values()) for method in part.methods}
    finals = {method: rows for method, rows in finals.items() if any(r.seconds for r in rows)}
    if not finals:
        return Missing(title, "no run has recorded its seconds.")
    found = {kind for rows in finals.values() for row in rows for kind in row.seconds}
    longest = max(
        np.mean([sum(r.seconds.values()) for r in rows]).item() for rows in finals.values()
    )
    unit, size = next(((u, s) for u, s in UNITS if longest >= 2 * s), UNITS[-1])
    kinds = [k for k in SECONDS if k in found] + sorted(found - set(SECONDS))

    def paint(canvas: Canvas) -> None:
        axes = canvas.add_subplot()
        names = list(finals)
        left = np.zeros(len(names))
        for i, kind in enumerate(kinds):
            widths = np.array(
                [np.mean([r.seconds.get(kind, 0.0) for r in finals[m]]) / size for m in names]
            )
            bars = axes.barh(range(len(names)), widths, left=left, height=0.55, color=INK, lw=0)
            for bar in bars:
                bar.set_alpha(SHADES[i % len(SHADES)])
            left += widths
        for i, total in enumerate(left):
            axes.text(total + left.max() * 0.015, i, f"{amount(total)} {unit}", va="center")
        axes.set_yticks(range(len(names)), [shown(label(name)) for name in names])
        axes.invert_yaxis()
        axes.grid(axis="y", visible=False)
        axes.tick_params(axis="y", length=0)
        axes.set_xlim(0, max(left.max() * 1.16, 1e-9))
        axes.xaxis.set_major_locator(MaxNLocator(6))
        axes.set_xlabel(f"{unit} per run, mean over seeds")
        shades(canvas, kinds)

    caption = (
        "Where the <b>wall-clock</b> went, evaluation included. It depends on the machine, and on "
        "what else ran there."
    )
    return studio.draw(f"{prefix}seconds", title, caption, paint, height=1.3 + 0.42 * len(finals))
