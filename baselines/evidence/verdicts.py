"""The findings of a comparison in sentences, losses and doubts as plainly as gains."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from baselines.evidence.aggregates import aggregate, mcnemar, probability_of_improvement
from baselines.evidence.results import Results, Row
from baselines.evidence.stats import Difference, Interval, gain, paired_difference

_NAMES = {
    "sft": "SFT",
    "rft": "RFT",
    "srft": "SRFT",
    "dagger": "DAgger",
    "oec": "OEC",
    "grpo": "GRPO",
    "dr_grpo": "Dr. GRPO",
    "dapo": "DAPO",
    "rloo": "RLOO",
    "gspo": "GSPO",
    "ppo": "PPO",
    "opd": "OPD",
    "gkd": "GKD",
    "exopd": "ExOPD",
    "expert_iteration": "expert iteration",
    "warm start": "the warm start",
}


def label(method: str) -> str:
    """How a method is written in prose: "DAgger (linear)" for dagger@linear."""
    stem = Path(method).stem if method.endswith(".py") else method
    name, _, variant = stem.partition("@")
    return _NAMES.get(name, name) + (f" ({variant})" if variant else "")


def verdicts(results: Results) -> list[str]:
    """Every sentence of the report: between methods, against the warm start, what to mind."""
    return [*comparisons(results), *progress(results), *caveats(results)]


def comparisons(results: Results) -> list[str]:
    """DAgger (or the first method that finished) against each of the others, in each environment
    at each budget, and then over all of these."""
    found = [where + text for where, part in _parts(results) for text in _comparisons(part)]
    return [*found, *_overall(results)]


def progress(results: Results) -> list[str]:
    """Did each method learn anything beyond the warm start, and if not, why not?"""
    return [where + text for where, part in _parts(results) for text in _progress(part)]


def _parts(results: Results) -> list[tuple[str, Results]]:
    """Each environment and budget, with the words that say which; none where there is one."""
    pairs = results.settings_pairs
    if len(pairs) < 2:
        return [("", results)]
    budgets = len({budget for _, budget in pairs}) > 1
    return [
        (f"{env}{f', budget {budget}' if budgets else ''}: ", results.at(env, budget))
        for env, budget in pairs
    ]


def _comparisons(results: Results) -> list[str]:
    done = [method for method in results.methods if results.final(method)]
    if len(done) < 2:
        return ["Fewer than two methods reached their end: there is nothing to compare."]
    first = _first(done)
    return [_against(results, first, other) for other in done if other != first]


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


def _progress(results: Results) -> list[str]:
    seeds = {seed for method in results.methods for seed in results.final(method)}
    sentences = []
    for method in results.methods:
        if not (final := results.final(method)):
            continue
        found = gain(results, method)
        if found is None:
            sentences.append(f"{label(method)}: no warm start was evaluated to measure it against.")
        elif found.shown:
            verb = "gained" if found.interval.mean > 0 else "lost"
            over = "over" if found.interval.mean > 0 else "against"
            sentences.append(
                f"{label(method)} {verb} {_points(abs(found.interval.mean))} {over} the warm start "
                f"({_range(found.interval, unsigned=True)})."
                + (_why(results, method) if verb == "lost" else "")
            )
        else:
            sentences.append(
                f"{label(method)} is not shown to have learned anything beyond the warm start: "
                f"{_signed(found.interval.mean)} points ({_range(found.interval)}, includes "
                f"zero).{_why(results, method)}"
            )
        if len(final) < len(seeds):
            sentences[-1] += f" This rests on {len(final)} of {len(seeds)} seeds."
    return sentences


def caveats(results: Results) -> list[str]:
    """What a reader must know before trusting the figures."""
    found = []
    parts = [results.at(*pair) for pair in results.settings_pairs]
    rows = [row for part in parts for m in part.methods for row in part.final(m).values()]
    seeds = len({row.seed for row in rows})
    if seeds == 1:
        found.append(
            "There is one training seed: the intervals cover the choice of evaluation tasks only, "
            "and say nothing about another training run."
        )
    elif 1 < seeds < 5:
        found.append(
            f"There are {seeds} training seeds: the intervals cover both seeds and tasks, but so "
            "few seeds can understate how much training runs differ."
        )
    if len(results.methods) > 2:
        found.append("The intervals are not corrected for making several comparisons at once.")
    if failures := len(results.failures):
        runs = "run is" if failures == 1 else "runs are"
        found.append(f"{failures} failed {runs} left out of every figure.")
    ended = sum(len(part.final(method)) for part in parts for method in part.methods)
    planned = len(results.methods) * len(results.seeds) * _settings(results)
    missing = planned - ended - len(results.failures)
    if missing > 0:
        found.append(f"{missing} of {planned} runs are not finished: this is not the end.")
    found += [where + text for where, part in _parts(results) for text in _unspent(part)]
    broken, episodes = sum(r.episodes_infra for r in rows), sum(r.episodes for r in rows)
    if broken:
        found.append(
            f"The environment broke in {broken:,} of {broken + episodes:,} training episodes; "
            "those are dropped, not counted as failures of the agent."
        )
    return found


def _settings(results: Results) -> int:
    """Environments × budgets that were planned."""
    planned = [len(results.config.get(name) or ()) for name in ("envs", "budgets")]
    return max(planned[0] * planned[1], len(results.settings_pairs))


def _unspent(results: Results) -> list[str]:
    """Methods that came to their end with much of both budgets left: the terms were not equal."""
    budgets = {row.budget for row in results.rows}
    limit = (results.config.get("budgets") or {}).get(next(iter(budgets), ""), {})
    sentences = []
    for method in results.methods:
        finals = results.final(method)
        shares = [
            _mean(finals, name) / limit[name] for name in ("env_steps", "teacher_tokens") if limit
        ]
        if finals and shares and max(shares) < 0.9:
            sentences.append(
                f"{label(method)} used {shares[0]:.0%} of the environment steps and "
                f"{shares[1]:.0%} of the teacher tokens that it might have: it is compared at "
                "less than the budget."
            )
    return sentences


def _against(results: Results, a: str, b: str) -> str:
    found = paired_difference(results, a, b)
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
        chance = (
            f" McNemar's exact test on the {test.a_only + test.b_only} episodes in which they "
            f"differ: p = {test.p:.2g}."
        )
    terms = _terms(results, found)
    if found.shown:
        side = "ahead of" if found.interval.mean > 0 else "behind"
        return (
            f"{label(a)} is {side} {label(b)} by {_points(abs(found.interval.mean))} "
            f"({_range(found.interval, unsigned=True)}) {terms}.{chance}"
        )
    return (
        f"{label(a)} against {label(b)}: {_signed(found.interval.mean)} points "
        f"({_range(found.interval)}) {terms}; the interval includes zero: no difference is "
        f"shown.{chance}"
    )


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
    """ "at the same teacher tokens and 0.6 times the environment steps"."""
    parts = []
    for name, words in (("teacher_tokens", "teacher tokens"), ("env_steps", "environment steps")):
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
    return "at " + " and ".join(parts) if parts else "at no cost on record"


def _why(results: Results, method: str) -> str:
    """What the data say about a method that did not learn; they rarely say all."""
    finals = results.final(method)
    rounds = [row for rows in results.cells(method).values() for row in rows if row.round > 0]
    starts = [row for seed in finals if (row := results.warm(seed)) is not None]
    reasons = []
    signal = [row.signal for row in rounds if row.signal is not None]
    if signal and np.mean(signal) < 0.25:
        reasons.append(
            f"only {np.mean(signal):.0%} of its roll-outs carried an advantage, because nearly all "
            "groups of episodes ended alike"
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


def _mean(rows: Mapping[int, Row], name: str) -> float:
    return float(np.mean([getattr(row, name) for row in rows.values()])) if rows else 0.0


def _points(share: float) -> str:
    return f"{share * 100:.1f} points"


def _signed(share: float) -> str:
    return f"{share * 100:+.1f}".replace("-", "−")


def _range(found: Interval, unsigned: bool = False) -> str:
    low, high = found.low * 100, found.high * 100
    if unsigned and high < 0:
        low, high = -high, -low
    return f"95% interval {low:.1f} to {high:.1f}".replace("-", "−")
