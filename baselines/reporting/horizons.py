"""Do errors compound? Success and regret against the horizon, with the slopes on log-log axes.

Regret is the teacher's mean return less the student's, in return of one held-out episode. Behaviour
cloning's may grow like T² (Ross & Bagnell 2010), DAgger's like T (Ross et al. 2011), at a fixed
error rate ε and as long as εT is small: where regret nears all there is to lose, every slope bends
towards 0.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from markupsafe import escape
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator
from scipy import stats

from baselines.evidence.names import label, listed
from baselines.evidence.results import Results
from baselines.reporting.figures import (
    Drawn,
    Looks,
    Missing,
    Studio,
    direct_labels,
    seed_band,
    shown,
)

Values = npt.NDArray[np.float64]
RESAMPLES = 999


@dataclass(frozen=True, slots=True)
class Slope:
    """d log(regret) / d log(T), least squares through the means, with its 95% interval.

    low, high: None where there is one seed. horizons: how many the line goes through. lost: share
    of the bootstrap's draws in which one of them had no regret, and which say nothing.
    """

    value: float
    low: float | None
    high: float | None
    horizons: int
    lost: float = 0.0

    def __str__(self) -> str:
        if self.low is None or self.high is None:
            why = "one seed" if self.lost == 0 else "too many draws are without regret"
            return f"slope {self.value:.2f} ({why}: no interval)"
        known = f"slope {self.value:.2f} ({self.low:.2f} to {self.high:.2f}"
        if self.lost < 0.025:
            return f"{known})"
        return (
            f"{known}, too narrow: {self.lost:.0%} of the draws have no regret at some horizon, "
            "and so no slope)"
        )


def slope(horizons: Sequence[float], regrets: Values) -> Slope | None:
    """Fit a power law to regrets of shape [seeds, horizons]; NaN where a run is missing.

    The interval is the percentile bootstrap's over seeds, a seed's runs at all horizons being drawn
    together. Horizons whose mean regret is not above 0 have no logarithm and are left out; None
    when fewer than two remain.
    """
    value = _fit(horizons, regrets)
    if value is None:
        return None
    count = int((_means(regrets) > 0).sum())
    if len(regrets) < 2:
        return Slope(value, None, None, count)
    kept = _means(regrets) > 0
    x = np.log(np.asarray(horizons, dtype=float)[kept])

    def fitted(*drawn: Values, axis: int = -1) -> Values:
        means = np.stack([_means(column, axis) for column in drawn], axis=-1)
        y = np.log(np.where(means > 0, means, np.nan))
        centred = x - x.mean()
        return np.asarray(y @ centred / (centred @ centred))

    with warnings.catch_warnings():  # it warns where draws are lost, and we say how many
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)
        fits = stats.bootstrap(
            tuple(regrets[:, kept].T),
            fitted,
            paired=True,
            vectorized=True,
            method="percentile",
            n_resamples=RESAMPLES,
            random_state=np.random.default_rng(0),
        ).bootstrap_distribution
    lost = float(np.isnan(fits).mean())
    if lost > 0.5:
        return Slope(value, None, None, count, lost)
    low, high = np.nanpercentile(fits, [2.5, 97.5])
    return Slope(value, min(float(low), value), max(float(high), value), count, lost)


def _fit(horizons: Sequence[float], regrets: Values) -> float | None:
    means = _means(regrets)
    kept = means > 0
    if kept.sum() < 2:
        return None
    found = stats.linregress(np.log(np.asarray(horizons, dtype=float)[kept]), np.log(means[kept]))
    return float(found.slope)


def _means(regrets: Values, axis: int = 0) -> Values:
    """Over the axis of the seeds; -1 where there is no run."""
    known = ~np.isnan(regrets)
    sums = np.where(known, regrets, 0.0).sum(axis)
    return np.where(known.any(axis), sums / np.maximum(known.sum(axis), 1), -1.0)


def compounding(
    results: Results, taught: Mapping[str, float], studio: Studio, looks: Looks
) -> list[Drawn]:
    """Two figures for every family of environments: one id, at several horizons, at one budget.

    taught: by environment, the teacher's mean return in it, where it was seen acting alone.
    """
    title = "Success and regret against the horizon"
    families: dict[tuple[str, str], list[tuple[float, str]]] = {}
    for env, budget in results.settings_pairs:
        horizon = results.horizon(env)
        if horizon is not None and horizon > 0 and env in taught:
            name = str((results.config.get("envs") or {}).get(env, {}).get("id", env))
            families.setdefault((name, budget), []).append((horizon, env))
    families = {k: sorted(v) for k, v in families.items() if len({h for h, _ in v}) > 1}
    if not families:
        return [
            Missing(
                title,
                "it takes one environment at two horizons at least, in which the teacher was seen "
                "to act alone.",
            )
        ]
    drawn: list[Drawn] = []
    for number, ((name, budget), members) in enumerate(families.items(), 1):
        drawn += _family(results, name, budget, members, taught, studio, looks, f"{number}-")
    return drawn


def _family(
    results: Results,
    name: str,
    budget: str,
    members: list[tuple[float, str]],
    taught: Mapping[str, float],
    studio: Studio,
    looks: Looks,
    prefix: str,
) -> list[Drawn]:
    horizons = [horizon for horizon, _ in members]
    regrets: dict[str, Values] = {}
    successes: dict[str, Values] = {}
    for method in results.methods:
        finals = [results.at(env, budget).final(method) for _, env in members]
        seeds = sorted({seed for final in finals for seed in final})
        if not seeds:
            continue
        shape = (len(seeds), len(members))
        regrets[method], successes[method] = np.full(shape, np.nan), np.full(shape, np.nan)
        for j, ((_, env), final) in enumerate(zip(members, finals, strict=True)):
            for i, seed in enumerate(seeds):
                if (row := final.get(seed)) is not None and row.eval_rewards:
                    regrets[method][i, j] = taught[env] - np.mean(row.eval_rewards)
                    successes[method][i, j] = row.success
    where = f"{shown(name)}" + (f", budget {shown(budget)}" if budget else "")
    slopes = {method: slope(horizons, values) for method, values in regrets.items()}
    said = "; ".join(
        f"{escape(label(method))}: {found or 'regret above 0 at fewer than two horizons'}"
        for method, found in slopes.items()
    )
    regret = studio.draw(
        f"{prefix}regret-horizon",
        f"Regret against the horizon, {where}",
        f"<b>Regret</b> (the teacher's mean return less the student's) against the horizon, "
        f"{escape(where)}. Mean and 95% interval over seeds. {said}. Theory, at a fixed error rate "
        f"and while regret is small: up to 2 for behaviour cloning, 1 for DAgger."
        f"{_left_out(regrets, slopes)}",
        lambda canvas: _paint(canvas, horizons, regrets, looks, "regret", slopes),
    )
    success = studio.draw(
        f"{prefix}success-horizon",
        f"Success against the horizon, {where}",
        f"<b>Success</b> on held-out tasks against the horizon, {escape(where)}. Mean and 95% "
        "interval over seeds.",
        lambda canvas: _paint(canvas, horizons, successes, looks, "success", {}),
    )
    return [success, regret]


def _left_out(regrets: Mapping[str, Values], slopes: Mapping[str, Slope | None]) -> str:
    """Which points the axes cannot show, and which slopes are without some of them."""
    zeros = {
        method: int(((_means(values) <= 0) & ~np.isnan(values).all(0)).sum())
        for method, values in regrets.items()
    }
    if not (count := sum(zeros.values())):
        return ""
    text = f" {count} point{'s' if count > 1 else ''} without regret cannot be drawn on such axes"
    bent = [str(escape(label(m))) for m, zero in zeros.items() if zero and slopes[m] is not None]
    if bent:
        slopes_of, they = ("slopes", "those speak") if bent[1:] else ("slope", "it speaks")
        text += (
            f" and {'are' if count > 1 else 'is'} left out of the {slopes_of} of {listed(bent)}: "
            f"{they} of the other horizons alone"
        )
    return f"{text}."


def _paint(
    canvas: Canvas,
    horizons: Sequence[float],
    values: Mapping[str, Values],
    looks: Looks,
    words: str,
    slopes: Mapping[str, Slope | None],
) -> None:
    axes: Axes = canvas.add_subplot()
    axes.set(xscale="log", yscale="log", xlabel="horizon, turns", ylabel=words)
    ends, floor = [], 1.0
    for method, matrix in values.items():
        colour, marker, line = looks(method)
        bands = [
            (horizon, *seed_band(column[~np.isnan(column)].tolist()))
            for horizon, column in zip(horizons, matrix.T, strict=True)
            if not np.isnan(column).all()
        ]
        drawn = np.array([band for band in bands if band[1] > 0]).reshape(-1, 4)
        if not len(drawn):
            continue
        xs, means, lows, highs = drawn.T
        floor = min(floor, float(means.min()))
        axes.fill_between(xs, np.maximum(lows, 1e-9), highs, color=colour, alpha=0.13, lw=0)
        axes.plot(xs, means, line, color=colour, marker=marker, ms=4.5, lw=1.6)
        found = slopes.get(method)
        name = label(method) + (f", {found.value + 0.0:.1f}" if found else "")
        ends.append((float(means[-1]), name, looks(method)))
    axes.set_ylim(bottom=floor * 0.6)  # a band may reach down to 0, which lies nowhere here
    axes.xaxis.set_major_locator(FixedLocator(sorted(set(horizons))))
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    if words == "success":
        axes.set_ylim(top=1.15)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value * 100:g}%"))
    direct_labels(axes, ends)
