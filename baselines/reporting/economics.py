"""What a teacher's answers buy: success against what was spent on them, and the frontier."""

from collections.abc import Callable, Sequence

import numpy as np
from markupsafe import escape
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import EngFormatter, FuncFormatter, LogLocator, NullLocator, PercentFormatter

from baselines.evidence.names import label
from baselines.evidence.results import Results, Row
from baselines.evidence.stats import Interval, interval, outcomes
from baselines.reporting.figures import Drawn, Looks, Missing, Studio, direct_labels

Point = tuple[float, Interval]


def frontier(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The (cost, success) pairs that no other pair beats: none is cheaper and at least as good.

    In order of cost; success rises strictly along it.
    """
    best: list[tuple[float, float]] = []
    for cost, success in sorted(points, key=lambda point: (point[0], -point[1])):
        if not best or success > best[-1][1]:
            best.append((cost, success))
    return best


def economics(results: Results, env: str, studio: Studio, looks: Looks, prefix: str) -> list[Drawn]:
    """Success over teacher tokens, and over money where any was paid, in one environment.

    With several budgets a point is a finished run's end at one of them; with one budget, a round.
    """
    drawn = [_economics(results, env, "teacher_tokens", "teacher tokens", _tokens, studio, looks,
                        prefix)]  # fmt: skip
    if any(row.env == env and _money(row) > 0 for row in results.rows):
        drawn.append(
            _economics(results, env, "money", "money paid to the teacher", _money, studio, looks,
                       prefix)
        )  # fmt: skip
    return drawn


def _economics(
    results: Results,
    env: str,
    name: str,
    words: str,
    cost: Callable[[Row], float],
    studio: Studio,
    looks: Looks,
    prefix: str,
) -> Drawn:
    title = f"What the teacher's answers buy: success over {words}"
    budgets = [budget for e, budget in results.settings_pairs if e == env]
    points: dict[str, list[Point]] = {}
    for method in results.methods:
        found = [
            point
            for budget in budgets
            for point in _points(results.at(env, budget), method, cost, ends=len(budgets) > 1)
        ]
        if found:
            points[method] = sorted(found, key=lambda point: point[0])
    every = [(x, success.mean) for found in points.values() for x, success in found]
    if not any(x > 0 for x, _ in every):
        return Missing(title, "no answer of the teacher is on record.")
    best = frontier(every)
    right = max(x for x, _ in every)

    def paint(canvas: Canvas) -> None:
        axes = canvas.add_subplot()
        for method, found in points.items():
            colour, marker, line = looks(method)
            xs = [x for x, _ in found]
            for x, success in found:
                axes.plot([x, x], [success.low, success.high], color=colour, lw=1.1, alpha=0.5)
            axes.plot(
                xs, [s.mean for _, s in found], line, color=colour, marker=marker, ms=5, lw=1.0
            )
        steps = [*best, (right, best[-1][1])]
        axes.step(
            [x for x, _ in steps], [y for _, y in steps], where="post", color="#808080", lw=3.5,
            alpha=0.35, zorder=0,
        )  # fmt: skip
        axes.set(xlabel=words, ylabel="success on held-out tasks", ylim=(-0.02, 1.02))
        if min(x for x, _ in every) > 0 and right > 8 * min(x for x, _ in every):
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
            axes.xaxis.set_minor_locator(NullLocator())
        else:
            axes.set_xlim(0, right * 1.03)
        thousands = EngFormatter(sep="")  # of a currency nobody writes "500m"
        plain = FuncFormatter(lambda value, _: f"{value:g}")
        axes.xaxis.set_major_formatter(plain if name == "money" else thousands)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        direct_labels(
            axes, [(found[-1][1].mean, label(m), looks(m)) for m, found in points.items()]
        )

    where = f" in {escape(env)}" if len(results.envs) > 1 else ""
    point = "a budget's end" if len(budgets) > 1 else "a round"
    caption = (
        f"<b>What the teacher buys</b>{where}: success over {words}, the warm start included. A "
        f"point is {point}, with its 95% interval. Grey: the frontier, the best mean that so much "
        "has bought by any method; where intervals overlap its order is not shown."
    )
    return studio.draw(f"{prefix}economics-{name}", title, caption, paint)


def _points(part: Results, method: str, cost: Callable[[Row], float], ends: bool) -> list[Point]:
    cells = part.cells(method)
    rounds = sorted({row.round for rows in cells.values() for row in rows})
    chosen = [{seed: rows[-1] for seed, rows in cells.items()}] if ends else [
        {seed: row for seed, rows in cells.items() for row in rows if row.round == i}
        for i in rounds
    ]  # fmt: skip
    return [
        (float(np.mean([cost(row) for row in rows.values()])), interval(outcomes(rows), 999))
        for rows in chosen
        if rows
    ]


def _tokens(row: Row) -> float:
    return row.teacher_tokens


def _money(row: Row) -> float:
    return row.figures.get("teacher_money", 0.0)
