"""What happened in training, round by round, counted from the stored episodes."""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import MaxNLocator, PercentFormatter

from baselines.evidence.names import label
from baselines.reporting.census import Census, Round
from baselines.reporting.figures import (
    INK,
    SHADES,
    Drawn,
    Looks,
    Missing,
    Studio,
    direct_labels,
    seed_band,
    shades,
    shown,
)
from dagger_algo.meter import Rate, Reached
from dagger_algo.stages import Stage

Cells = Mapping[str, Mapping[int, Census]]
"""By method and seed."""


def acting_plot(cells: Cells, studio: Studio, looks: Looks, prefix: str) -> Drawn:
    """Share of the turns in which the teacher acted, and agreement where the student did."""
    title = "Who acted, and agreement with the teacher, over the rounds"
    taught = _series(cells, lambda r: r.taught / r.turns if r.turns else None)
    agreeing = _series(cells, lambda r: r.agreeing / r.labelled if r.labelled else None)
    # Of a method in which the teacher always or never acts there is nothing to see.
    mixed = {m for m, s in taught.items() if any(0 < v < 1 for vs in s.values() for v in vs)}
    kept = [m for m in cells if m in mixed or agreeing[m]]
    if not kept:
        return Missing(title, "in no method did student and teacher share the turns or compare.")

    def paint(canvas: Canvas) -> None:
        top, bottom = canvas.subplots(2, 1, sharex=True)
        for axes, series in ((top, taught), (bottom, agreeing)):
            drawn = [method for method in kept if series[method]]
            ends = [_band(axes, series[method], looks(method)) for method in drawn]
            axes.set_ylim(-0.03, 1.03)
            axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
            names = [(label(method), looks(method)) for method in drawn]
            direct_labels(axes, [(y, *name) for y, name in zip(ends, names, strict=True)])
        top.set_ylabel("turns of the teacher")
        bottom.set(ylabel="agreement", xlabel="round")
        bottom.xaxis.set_major_locator(MaxNLocator(integer=True))

    caption = (
        "Above, <b>who acted</b>: share of the turns in which the teacher did. Below, "
        "<b>agreement</b>: share of the student's labelled turns in which it made the call that "
        "the teacher would have made. Round 0 is the warm start; band: 95% interval over seeds."
    )
    return studio.draw(f"{prefix}acting", title, caption, paint, height=4.2)


def stages_plot(cells: Cells, studio: Studio, prefix: str) -> Drawn:
    """The stages' shares of the turns, one panel to a method, one bar to a round."""
    title = "Stages over the rounds"
    shares = {
        method: {
            number: [_share(counts, stage) for stage in Stage]
            for number, counts in _rounds(seeds).items()
            if any(count.turns for count in counts)
        }
        for method, seeds in cells.items()
    }
    shares = {method: found for method, found in shares.items() if found}
    idle = list(Stage).index(Stage.ORCHESTRATION)
    if not shares:
        return Missing(title, "no episodes are stored.")
    if all(bar[idle] == 1 for found in shares.values() for bar in found.values()):
        return Missing(title, "no action is a shell command or a tool's call that has a stage.")
    columns = 2 if len(shares) > 1 else 1
    lines = math.ceil(len(shares) / columns)

    def paint(canvas: Canvas) -> None:
        panels = canvas.subplots(lines, columns, sharey=True, squeeze=False).ravel()
        for axes, (method, found) in zip(panels, shares.items(), strict=False):
            numbers = list(found)
            floor = np.zeros(len(numbers))
            for i, _ in enumerate(Stage):
                heights = np.array([found[n][i] for n in numbers])
                alpha = SHADES[i]
                axes.bar(numbers, heights, 0.72, bottom=floor, color=INK, alpha=alpha, lw=0)
                floor += heights
            axes.set_title(shown(label(method)), fontsize=8.5, loc="left")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
            axes.grid(axis="x", visible=False)
        for axes in panels[len(shares) :]:
            axes.set_visible(False)
        for axes in panels[max(0, len(shares) - columns) : len(shares)]:
            axes.set_xlabel("round")
        shades(canvas, [stage.lower() for stage in Stage])

    caption = (
        "<b>Stages</b> of all executed turns of the training episodes, whoever acted (the rules "
        "are those of <code>dagger_algo.stages</code>); mean over seeds. Round 0 is the warm "
        "start, where the teacher acts alone."
    )
    return studio.draw(f"{prefix}stages", title, caption, paint, height=0.7 + 1.75 * lines)


def errors_plot(cells: Cells, studio: Studio, looks: Looks, prefix: str) -> Drawn:
    """Disagreement with the teacher in the last round, by how the state was reached."""
    title = "Errors on the teacher's states and on the student's own"
    found: dict[str, dict[Reached, Rate]] = {}
    for method, seeds in cells.items():
        last = [census.rounds[max(census.rounds)] for census in seeds.values() if census.rounds]
        pooled = {kind: _pooled([count.errors[kind] for count in last]) for kind in Reached}
        if any(rate.states for rate in pooled.values()):
            found[method] = pooled
    if not found:
        return Missing(
            title,
            "in no state of the last round are both the teacher's and the student's choice known.",
        )

    def paint(canvas: Canvas) -> None:
        axes = canvas.add_subplot()
        for i, (method, rates) in enumerate(found.items()):
            colour, marker, _ = looks(method)
            known = [(j, rate) for j, rate in enumerate(rates.values()) if rate.states]
            xs = [j + (i - (len(found) - 1) / 2) * 0.14 for j, _ in known]
            for x, (_, rate) in zip(xs, known, strict=True):
                axes.plot([x, x], rate.interval(), color=colour, lw=1.4)
            axes.plot(xs, [rate.share for _, rate in known], marker, color=colour, ms=5)
        axes.set_xticks(range(len(Reached)), [f"{kind} states" if kind == Reached.TEACHER
                                              else str(kind) for kind in Reached])  # fmt: skip
        axes.set_xlim(-0.5, len(Reached) - 0.5)
        axes.set(ylabel="share of states with an error", ylim=(-0.03, 1.03))
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.grid(axis="x", visible=False)
        direct_labels(
            axes,
            [
                ([r for r in rates.values() if r.states][-1].share, label(m), looks(m))
                for m, rates in found.items()
            ],
        )

    caption = (
        "<b>Errors</b> (another call than the teacher's) in the last round of training: where the "
        "teacher alone has led, where the student has acted too but without an error so far, and "
        "after an error of its own. Seeds pooled; bars: 95% (Wilson, states taken as independent)."
    )
    return studio.draw(f"{prefix}errors", title, caption, paint)


def _pooled(rates: Sequence[Rate]) -> Rate:
    return Rate(sum(rate.errors for rate in rates), sum(rate.states for rate in rates))


def _rounds(seeds: Mapping[int, Census]) -> dict[int, list[Round]]:
    numbers = sorted({number for census in seeds.values() for number in census.rounds})
    return {
        number: [c.rounds[number] for c in seeds.values() if number in c.rounds]
        for number in numbers
    }


def _series(
    cells: Cells, value: Callable[[Round], float | None]
) -> dict[str, dict[int, list[float]]]:
    """By method and round, the seeds' values; rounds without any are left out."""
    found = {}
    for method, seeds in cells.items():
        values = {
            number: [v for count in counts if (v := value(count)) is not None]
            for number, counts in _rounds(seeds).items()
        }
        found[method] = {number: kept for number, kept in values.items() if kept}
    return found


def _share(counts: Sequence[Round], stage: Stage) -> float:
    return float(np.mean([c.stages[stage] / c.turns for c in counts if c.turns]))


def _band(axes: Axes, series: Mapping[int, Sequence[float]], look: tuple[str, str, str]) -> float:
    """Mean and 95% band over seeds; returns where the line ends."""
    colour, marker, line = look
    numbers = list(series)
    bands = np.array([seed_band(series[number]) for number in numbers])
    axes.fill_between(numbers, bands[:, 1], bands[:, 2], color=colour, alpha=0.13, lw=0)
    axes.plot(numbers, bands[:, 0], line, color=colour, marker=marker, ms=4.5, lw=1.6)
    return float(bands[-1, 0])
