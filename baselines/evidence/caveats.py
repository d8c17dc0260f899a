"""What a reader must know before trusting the figures of a comparison."""

import numpy as np

from baselines.evidence.names import label
from baselines.evidence.origins import mixed
from baselines.evidence.results import Results


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
    if sum(any(part.final(method) for part in parts) for method in results.methods) > 2:
        found.append("The intervals are not corrected for making several comparisons at once.")
    if failures := len(results.failures):
        runs = "run is" if failures == 1 else "runs are"
        found.append(f"{failures} failed {runs} left out of every figure.")
    ended = sum(len(part.final(method)) for part in parts for method in part.methods)
    planned = len(results.methods) * len(results.seeds) * _settings(results)
    missing = planned - ended - len(results.failures)
    if missing > 0:
        found.append(f"{missing} of {planned} runs are not finished: this is not the end.")
    for where, part in placed(results):
        prefix = f"{where}: " if where else ""
        found += [prefix + text for text in (*mixed(part), *_unspent(part))]
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
            float(np.mean([getattr(row, name) for row in finals.values()])) / limit[name]
            for name in ("env_steps", "teacher_tokens")
            if limit and finals
        ]
        if finals and shares and max(shares) < 0.9:
            sentences.append(
                f"{label(method)} used {shares[0]:.0%} of the environment steps and "
                f"{shares[1]:.0%} of the teacher tokens that it might have: it is compared at "
                "less than the budget."
            )
    return sentences


def placed(results: Results) -> list[tuple[str, Results]]:
    """Each environment and budget, with the words that say which; "" where there is one."""
    pairs = results.settings_pairs
    if len(pairs) < 2:
        return [("", results)]
    budgets = len({budget for _, budget in pairs}) > 1
    return [
        (f"{env}{f', budget {budget}' if budgets else ''}", results.at(env, budget))
        for env, budget in pairs
    ]
