"""The findings of a comparison in sentences, losses and doubts as plainly as gains."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from baselines.evidence.aggregates import McNemar, aggregate, mcnemar, probability_of_improvement
from baselines.evidence.caveats import caveats, placed
from baselines.evidence.names import bare, label, listed, signed
from baselines.evidence.results import Results, Row
from baselines.evidence.stats import Difference, Interval, gain, paired_difference


@dataclass(frozen=True, slots=True)
class Findings:
    """Sentences that belong together. where: environment and budget, "" if there is one. summary:
    all of them in one line, "" where there are too few to need one."""

    where: str
    summary: str
    sentences: tuple[str, ...]

    def told(self) -> list[str]:
        """One after the other, each saying where."""
        where = f"{self.where}: " if self.where else ""
        return [where + one for one in (self.summary, *self.sentences) if one]


def verdicts(results: Results) -> list[str]:
    """Every sentence of the report: between methods, against the warm start, what to mind."""
    groups = [*comparisons(results), *progress(results)]
    return [*(text for group in groups for text in group.told()), *caveats(results)]


def comparisons(results: Results) -> list[Findings]:
    """DAgger (or the first method that finished) against each of the others, in each environment
    at each budget, and then over all of these."""
    found = [_comparisons(where, part) for where, part in placed(results)]
    overall = tuple(_overall(results))
    return [*found, *([Findings("", "", overall)] if overall else [])]


def progress(results: Results) -> list[Findings]:
    """Did each method learn anything beyond the warm start, and if not, why not?"""
    found = [_progress(where, part) for where, part in placed(results)]
    return [one for one in found if one.sentences]


def _comparisons(where: str, results: Results) -> Findings:
    done = [method for method in results.methods if results.final(method)]
    if len(done) < 2:
        nothing = "Fewer than two methods reached their end: there is nothing to compare."
        return Findings(where, "", (nothing,))
    first = _first(done)
    others = [other for other in done if other != first]
    found = [paired_difference(results, first, other) for other in others]
    sides: dict[str, list[str]] = {"ahead of": [], "behind": [], "not shown to differ from": []}
    for other, one in zip(others, found, strict=True):
        if one is not None:
            sides[_side(one) if one.shown else "not shown to differ from"].append(label(other))
    said = ", ".join(f"{side} {listed(names)}" for side, names in sides.items() if names)
    sentences = tuple(_against(results, first, *one) for one in zip(others, found, strict=True))
    summary = f"{label(first)} is {said}." if said and len(sentences) > 2 else ""
    return Findings(where, summary, sentences)


def _side(found: Difference) -> str:
    return "ahead of" if found.interval.mean > 0 else "behind"


def _first(methods: Sequence[str]) -> str:
    """The one that the others are compared with."""
    ours = [method for method in methods if method.partition("@")[0] == "dagger"]
    return "dagger" if "dagger" in ours else (ours or methods)[0]


def _overall(results: Results) -> list[str]:
    """Every method over all environments and budgets together."""
    if len(results.settings_pairs) < 2:
        return []
    found = {m: one for m in results.methods if (one := aggregate(results, m)) is not None}
    sentences = [
        f"Over everything, {label(method)}: interquartile mean {_share(one.iqm)}, mean "
        f"{_share(one.mean)}, median {_share(one.median)}, of {one.iqm.seeds} runs."
        for method, one in found.items()
    ]
    first = _first(list(found)) if found else ""
    for other in found:
        chance = probability_of_improvement(results, first, other) if other != first else None
        if chance is not None:
            sentences.append(
                f"Over everything, a run of {label(first)} does better than one of {label(other)} "
                f"with probability {chance.mean:.2f} (95% interval {chance.low:.2f} to "
                f"{chance.high:.2f})."
            )
    return sentences


def _share(found: Interval) -> str:
    return f"{found.mean * 100:.1f}% ({_range(found)})"


def _progress(where: str, results: Results) -> Findings:
    seeds = {seed for method in results.methods for seed in results.final(method)}
    sentences: list[str] = []
    sides: dict[str, list[str]] = {"gained": [], "lost": [], "not shown to have learned": []}
    for method in results.methods:
        if not (final := results.final(method)):
            continue
        found = gain(results, method)
        if found is None:
            sentences.append(f"{label(method)}: no warm start was evaluated to measure it against.")
        elif found.shown:
            verb = "gained" if found.interval.mean > 0 else "lost"
            sides[verb].append(label(method))
            over = "over" if found.interval.mean > 0 else "against"
            sentences.append(
                f"{label(method)} {verb} {_points(abs(found.interval.mean))} {over} the warm start "
                f"({_range(found.interval, unsigned=True)})."
                + (_why(results, method) if verb == "lost" else "")
            )
        else:
            sides["not shown to have learned"].append(label(method))
            sentences.append(
                f"{label(method)} is not shown to have learned anything beyond the warm start: "
                f"{signed(found.interval.mean)} points ({_range(found.interval)}); "
                f"{_doubt(found)}.{_why(results, method)}"
            )
        if len(final) < len(seeds):
            sentences[-1] += f" This rests on {len(final)} of {len(seeds)} seeds."
    said = "; ".join(f"{side}: {listed(names)}" for side, names in sides.items() if names)
    summary = f"Beyond the warm start {said}." if said and len(sentences) > 2 else ""
    return Findings(where, summary, tuple(sentences))


def _against(results: Results, a: str, b: str, found: Difference | None) -> str:
    if found is None:
        return f"{label(a)} and {label(b)} share no seed and task: they cannot be compared."
    seeds = found.interval.seeds
    chance = ""
    if seeds > 1:
        chance = (
            f" Probability of improvement, over {seeds}×{seeds} pairs of runs: "
            f"{found.improvement:.2f} (95% interval {found.chance.low:.2f} to "
            f"{found.chance.high:.2f}). {_seeds(found)}"
        )
    elif (test := mcnemar(results, a, b)) is not None:
        chance = _exact_test(test)
    terms = _terms(results, found)
    if found.shown:
        return (
            f"{label(a)} is {_side(found)} {label(b)} by {_points(abs(found.interval.mean))} "
            f"({_range(found.interval, unsigned=True)}) {terms}.{chance}"
        )
    return (
        f"{label(a)} against {label(b)}: {signed(found.interval.mean)} points "
        f"({_range(found.interval)}) {terms}; {_doubt(found)}: no difference is shown.{chance}"
    )


def _doubt(found: Difference) -> str:
    """Why a difference is not shown."""
    if not found.apart or found.denied is None:
        return "the interval includes zero"
    return f"the interval excludes zero, the exact test does not (p = {found.denied:.2g})"


def _exact_test(test: McNemar) -> str:
    if (differing := test.a_only + test.b_only) == 0:
        return " They differ in no episode."
    where = "the one episode" if differing == 1 else f"the {differing} episodes"
    return f" McNemar's exact test on {where} in which they differ: p = {test.p:.2g}."


def _seeds(found: Difference) -> str:
    """How many seeds the difference asks for, and how many there are."""
    there = f"there are {found.interval.seeds}"
    if found.interval.mean == 0 and found.interval.seeds > 1:
        return f"The difference is exactly 0, which no number of seeds would show; {there}."
    if found.seeds_needed is None:
        return f"No number of seeds up to 10,000 would show a difference this small; {there}."
    return (
        f"To show a difference of this size four times in five takes about {found.seeds_needed} "
        f"seeds; {there}."
    )


def _terms(results: Results, found: Difference) -> str:
    """ "at the same teacher tokens, 0.6 times the environment steps and no optimizer steps against
    90"."""
    parts = []
    for name in ("teacher_tokens", "env_steps", "optimizer_steps"):
        words = name.replace("env_", "environment ").replace("_", " ")
        a, b = (_mean(results.final(method), name) for method in (found.a, found.b))
        if max(a, b) == 0:
            continue
        if abs(a - b) <= 0.05 * max(a, b):
            parts.append(f"the same {words}")
        elif b == 0:
            parts.append(f"{a:,.0f} {words} against none")
        elif a == 0:
            parts.append(f"no {words} against {b:,.0f}")
        else:
            parts.append(f"{a / b:.2g} times the {words}")
    return f"at {listed(parts)}" if parts else "at no cost on record"


def _why(results: Results, method: str) -> str:
    """What the data say about a method that did not learn; they rarely say all."""
    finals = results.final(method)
    cells = results.cells(method)
    starts = [row for seed in finals if (row := results.warm(seed)) is not None]
    reasons = []
    signal = _by_episodes(cells, lambda row: row.signal)
    alike = _by_episodes(cells, lambda row: row.figures.get("alike"))
    if signal is not None and signal < 0.25:
        because = alike is not None and alike > 0.5
        reasons.append(
            f"only {signal:.0%} of its roll-outs carried an advantage"
            + (f", because {alike:.0%} of its groups of episodes ended alike" if because else "")
        )
    steps = _mean(finals, "optimizer_steps")
    if starts and steps <= _mean({row.seed: row for row in starts}, "optimizer_steps"):
        reasons.append("it took no optimizer step after the warm start")
    asked, lost = _mean(finals, "teacher_queries"), _mean(finals, "labels_lost")
    if asked and lost / asked > 0.05:
        reasons.append(f"{lost / asked:.0%} of the teacher's labels were lost")
    if starts and np.mean([row.success for row in starts]) > 0.95:
        reasons.append("the warm start solves nearly everything, so little is left to gain")
    if not reasons:
        return " The recorded figures do not say why."
    return f" What the figures say about why: {'; '.join(reasons)}."


def _by_episodes(
    cells: Mapping[int, Sequence[Row]], figure: Callable[[Row], float | None]
) -> float | None:
    """Mean over the rounds that have the figure, each counted by its episodes; None without any."""
    found = [
        (value, row.episodes - (rows[i - 1].episodes if i else 0))
        for rows in cells.values()
        for i, row in enumerate(rows)
        if row.round > 0 and (value := figure(row)) is not None
    ]
    if not found:
        return None
    values, episodes = np.array(found).T
    return float(np.average(values, weights=episodes if episodes.sum() > 0 else None))


def _mean(rows: Mapping[int, Row], name: str) -> float:
    return float(np.mean([getattr(row, name) for row in rows.values()])) if rows else 0.0


def _points(share: float) -> str:
    return f"{share * 100:.1f} points"


def _range(found: Interval, unsigned: bool = False) -> str:
    low, high = found.low, found.high
    if unsigned and high < 0:
        low, high = -high, -low
    return f"95% interval {bare(low)} to {bare(high)}"
