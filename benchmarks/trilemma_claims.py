"""What the studies of `trilemma.py` are asked, and whether the answer is the expected one."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from baselines.evidence.results import Results
from baselines.evidence.stats import Difference, Interval, final_success, paired_difference

RLVR = ("grpo", "rloo", "dapo")


@dataclass(frozen=True)
class Claim:
    """A sentence with its figures. met: None where nothing was expected and the figure is all."""

    text: str
    met: bool | None = None


def _points(found: Interval) -> str:
    mean, low, high = (100 * value for value in (found.mean, found.low, found.high))
    return f"{mean:+.1f} points ({low:+.1f} to {high:+.1f})"


def _share(interval: Interval) -> str:
    return f"{100 * interval.mean:.1f}% ({100 * interval.low:.1f} to {100 * interval.high:.1f})"


def _parts(results: Results) -> Iterator[tuple[str, Results]]:
    for env, budget in results.settings_pairs:
        where = [
            label
            for label, all_labels in ((env, results.envs), (budget, results.budgets))
            if len(all_labels) > 1
        ]
        yield " ".join(where) or env, results.at(env, budget)


def _differences(
    results: Results, a: str, against: tuple[str, ...], level: float = 0.95
) -> Iterator[Difference]:
    for b in against:
        if b in results.methods and (found := paired_difference(results, a, b, level)):
            yield found


def levels(results: Results) -> Iterator[Claim]:
    """Every method's final success, without an expectation."""
    for where, part in _parts(results):
        for method in part.methods:
            if (found := final_success(part, method)) is not None:
                yield Claim(f"{where}: {method} {_share(found)}")


def label_budget(results: Results) -> Iterator[Claim]:
    """DAgger is ahead somewhere, and nowhere behind for sure; both meet where labels are many."""
    yield from levels(results)
    ahead, behind, last = [], [], None
    for where, part in _parts(results):
        for found in _differences(part, "dagger", ("sft",)):
            yield Claim(f"{where} labels: DAgger - SFT {_points(found.interval)}")
            ahead += [where] if found.interval.low > 0 else []
            behind += [where] if found.interval.high < 0 else []
            last = found.interval
    yield Claim(f"DAgger is ahead for sure at {', '.join(ahead) or 'no'} labels", bool(ahead))
    yield Claim(f"and behind for sure at {', '.join(behind) or 'no'} labels", not behind)
    if last is not None:
        met = abs(last.mean) < 0.05 or last.low <= 0 <= last.high
        yield Claim(f"at the most labels they are {_points(last)} apart", met)


def starves(results: Results) -> Iterator[Claim]:
    """RLVR at 10% or less where DAgger is above 90%."""
    yield from levels(results)
    for _, part in _parts(results):
        ours = final_success(part, "dagger")
        if ours is not None:
            yield Claim(f"DAgger {_share(ours)}: above 90%", ours.mean > 0.9)
        for method in RLVR:
            if method in part.methods and (found := final_success(part, method)) is not None:
                yield Claim(f"{method} {_share(found)}: at most 10%", found.mean <= 0.1)


def nobody_ahead(results: Results) -> Iterator[Claim]:
    """No pair of methods is apart for sure, by intervals that cover all differences at once."""
    yield from levels(results)
    pairs = [
        (where, part, a, part.methods[n + 1 :])
        for where, part in _parts(results)
        for n, a in enumerate(part.methods)
    ]
    level = 1 - 0.05 / max(1, sum(len(others) for *_, others in pairs))
    for where, part, a, others in pairs:
        for found in _differences(part, a, others, level):
            text = f"{where}: {a} - {found.b} {_points(found.interval)} at {level:.1%}"
            yield Claim(text, not found.shown)


def no_advantage(results: Results) -> Iterator[Claim]:
    """No kind of DAgger is ahead of SFT for sure."""
    yield from levels(results)
    for where, part in _parts(results):
        for a in part.methods:
            if a.startswith("dagger"):
                for found in _differences(part, a, ("sft",)):
                    text = f"{where}: {a} - SFT {_points(found.interval)}"
                    yield Claim(text, found.interval.low <= 0)


def rlvr_ahead(results: Results) -> Iterator[Claim]:
    """RLVR ends above both ways to imitate."""
    yield from levels(results)
    for _, part in _parts(results):
        for found in _differences(part, "grpo", ("sft", "dagger")):
            text = f"GRPO - {found.b} {_points(found.interval)}"
            yield Claim(text, found.interval.low > 0)


def best_baseline(results: Results) -> Iterator[Claim]:
    """DAgger against the best of the others, whatever comes. Hoped for, and not more: ten points,
    and an interval that leaves zero out."""
    yield from levels(results)
    for _, part in _parts(results):
        others = {
            method: found
            for method in part.methods
            if not method.startswith("dagger")
            and (found := final_success(part, method)) is not None
        }
        if others:
            best = max(others, key=lambda method: others[method].mean)
            for found in _differences(part, "dagger", (best,)):
                hoped = "" if found.interval.mean >= 0.1 and found.interval.low > 0 else "not "
                yield Claim(
                    f"DAgger - {best}, the best of the others: {_points(found.interval)}; "
                    f"the ten points hoped for were {hoped}reached"
                )


JUDGES: dict[str, Callable[[Results], Iterator[Claim]]] = {
    "label_budget": label_budget,
    "gradient_steps": levels,
    "horizon": levels,
    "lock": starves,
    "lock_warm": levels,
    "corridor": nobody_ahead,
    "cliff": no_advantage,
    "poor_teacher": rlvr_ahead,
    "toys": levels,
    "repair_toy": best_baseline,
    "text_world": best_baseline,
}
"""By study. What is expected was written down before any of them was run."""
