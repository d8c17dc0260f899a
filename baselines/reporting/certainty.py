"""How sure the comparison is: paired differences with their tests, and performance profiles."""

from dataclasses import dataclass

from markupsafe import escape
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import PercentFormatter

from baselines.evidence.aggregates import Aggregate, McNemar, aggregate, mcnemar, profile
from baselines.evidence.names import label
from baselines.evidence.results import Results
from baselines.evidence.stats import Difference, paired_difference
from baselines.reporting.figures import Drawn, Looks, Missing, Studio, direct_labels
from baselines.reporting.tables import parts


@dataclass(frozen=True, slots=True)
class Pair:
    """Two methods in one environment at one budget."""

    env: str
    budget: str
    difference: Difference
    test: McNemar | None


def paired(results: Results) -> list[Pair]:
    """DAgger (or else the first method that finished) against each of the others, everywhere."""
    return [
        Pair(env, budget, difference, mcnemar(part, first, other))
        for env, budget, part in parts(results)
        for first, *others in [_reference_first(part)]
        for other in others
        if (difference := paired_difference(part, first, other)) is not None
    ]


def _reference_first(part: Results) -> list[str]:
    """The methods that finished, the one that the others are held against at their head."""
    done = [method for method in part.methods if part.final(method)]
    ours = [method for method in done if method.partition("@")[0] == "dagger"]
    first = "dagger" if "dagger" in ours else next(iter([*ours, *done]), "")
    return [first, *(method for method in done if method != first)]


def aggregates(results: Results) -> list[tuple[str, Aggregate]]:
    """Every method over all environments and budgets; empty where that says no more than the mean
    does: of one environment and less than four runs."""
    if len(results.settings_pairs) < 2 and len(results.seeds) < 4:
        return []
    found = [(method, aggregate(results, method)) for method in results.methods]
    return [(method, one) for method, one in found if one is not None]


def profile_plot(results: Results, studio: Studio, looks: Looks) -> Drawn:
    """The share of runs that reach each level of success (Agarwal et al. 2021, sec. 4.2)."""
    title = "Performance profiles"
    found = {m: one for m in results.methods if (one := profile(results, m)) is not None}
    runs = sum(len(part.final(m)) for _, _, part in parts(results) for m in part.methods)
    if not found or runs < 2 * len(found):
        return Missing(title, "it takes two finished runs of each method at least.")

    def paint(canvas: Canvas) -> None:
        axes = canvas.add_subplot()
        for method, one in found.items():
            colour, _, line = looks(method)
            axes.fill_between(
                one.thresholds, one.low, one.high, step="post", color=colour, alpha=0.12, lw=0
            )
            axes.step(one.thresholds, one.share, line, where="post", color=colour, lw=1.6)
        axes.set(xlabel="success τ", ylabel="runs with success of at least τ", ylim=(-0.03, 1.03))
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        # All end at the right in one corner: the names stand where the lines are half-way down.
        names = [(one.share[len(one.share) // 2], label(m), looks(m)) for m, one in found.items()]
        direct_labels(axes, names)

    where = " over all environments and budgets" if len(results.settings_pairs) > 1 else ""
    caption = (
        f"<b>Performance profiles</b>{escape(where)}: share of the runs whose success is at least "
        "τ; higher is better everywhere. Bands: pointwise 95% stratified bootstrap over seeds and "
        "tasks."
    )
    return studio.draw("profiles", title, caption, paint)
