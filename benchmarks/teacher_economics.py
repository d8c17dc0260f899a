"""Teacher economics: success on held-out episodes against teacher tokens, for every gate.

Work: DAgger with each gate from the same student, labels only where the gate asks, on the toys
    with an untrained table for a student, or with --env on one environment. On RepairToy the
    student is the tiny transformer on two packages, after a warm start whose tokens count. All get
    the same environment steps, at most the same teacher tokens and as many fits; after each fit
    the student is evaluated greedily. Every gate at its defaults.
Peers: full DAgger (β = max(0.6, 1 - 0.2 (i - 1)), a label at every state), the same with β = 0, and
    a control that knows nothing: the student acts and a random fifth of its states is labelled.
Budgets: one rule for all toys, 12.5 labels for every entry of the table that the student has to
    fill, 4 environment steps for every label, in 20 rounds, one episode after another (side by
    side they would all be cut off before the round's labels are spent, and the same turns come up
    again and again). The table has 80 entries on the tightrope and 16 on the lock; since rounds and
    budget go by that size, a lock of 80 cues is measured beside it. --rounds makes them finer or
    coarser: most gates hear of a label only when the student is fitted, and before the first fit
    they know nothing.
Target: in every environment some gate reaches 95% of full DAgger's final success with at most half
    of the tokens with which full DAgger first reaches that same level, in the median over seeds.
Takes: about 10 (tightrope), 3 (lock), 10 (lock of 80 cues) and 65 (RepairToy) minutes of CPU.
"""

import argparse
import json
import math
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, replace
from typing import Any

from teacher_economics_figures import (
    HALF,
    LEVEL,
    Curves,
    Figures,
    figures,
    mean_curve,
    winners,
)
from teacher_economics_runs import FULL, PROBLEMS, TOYS, Point, Problem, jobs, run


def measure(name: str, problem: Problem, seeds: range, workers: int) -> Curves:
    """Every gate's curves, one per seed."""
    curves: dict[str, list[list[Point]]] = {}
    with jobs(problem, seeds) as todo, ProcessPoolExecutor(workers) as pool:
        for number, (job, points) in enumerate(zip(todo, pool.map(run, todo), strict=True), 1):
            curves.setdefault(job.name, []).append(points)
            print(f"\r{name}: {number} of {len(todo)} runs", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return curves


def show(name: str, found: dict[str, Figures], seeds: int) -> None:
    full = found[FULL]
    print(
        f"\n{name}: tokens and environment steps to {LEVEL:.0%} of full DAgger's final success "
        f"({full.success:.2f}), over full DAgger's own to there; {seeds} seeds.\n"
        f"at half: success with {HALF:.0%} of full DAgger's tokens to there\n"
        f"{'':22} {'tokens':>7} {'95% interval':>14} {'reached':>8} {'steps':>6} "
        f"{'at half':>8} {'final':>6} {'at tokens':>9}"
    )
    for gate, of in sorted(found.items(), key=lambda item: (item[1].median, -item[1].at_half)):
        print(
            f"{gate:22} {of.median:7.2f} {f'{of.low:.2f} to {of.high:.2f}':>14} "
            f"{of.reached:>4}/{seeds:<3} {of.steps:6.1f} {of.at_half:8.2f} {of.success:6.2f} "
            f"{of.tokens:9.0f}"
        )


def show_curves(curves: Curves, points: int = 6) -> None:
    """Success at so many points of the mean curve, evenly spaced over the rounds."""
    print("success at teacher tokens, means over seeds")
    for name, seeds in curves.items():
        curve = mean_curve(seeds)
        step = max(1, len(curve) // points)
        shown = curve[step - 1 :: step]
        print(f"{name:22} " + "  ".join(f"{p.success:.2f} at {p.tokens:>5}" for p in shown))


def plain(value: Any) -> Any:
    """For JSON, which knows no infinity: null."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return round(value, 3) if math.isfinite(value) else None
    return value


def main() -> int:
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="3 seeds: a few minutes")
    parser.add_argument("--check", action="store_true", help="exit 1 when the target is missed")
    parser.add_argument("--env", nargs="+", choices=list(PROBLEMS), default=list(TOYS))
    parser.add_argument("--seeds", type=int, help="runs per gate; each environment has its own")
    parser.add_argument("--first-seed", type=int, default=0, help="to repeat it on other seeds")
    parser.add_argument("--rounds", type=int, help="fits over which the same budget is spread")
    parser.add_argument("--gates", nargs="+", help="only these, and full DAgger")
    parser.add_argument("--workers", type=int, default=2, help="runs at a time")
    options = parser.parse_args()
    report: dict[str, Any] = {}
    won: dict[str, list[str]] = {}
    for name in options.env:
        problem = PROBLEMS[name]
        seeds = options.seeds or (min(3, problem.seeds) if options.quick else problem.seeds)
        problem = replace(
            problem,
            rounds=options.rounds or problem.rounds,
            names=(FULL, *options.gates) if options.gates else problem.names,
        )
        first = options.first_seed
        curves = measure(name, problem, range(first, first + seeds), options.workers)
        found = figures(curves)
        show(name, found, seeds)
        show_curves(curves)
        won[name] = winners(found)
        report[name] = {
            gate: {**asdict(of), "curve": [asdict(p) for p in mean_curve(curves[gate])]}
            for gate, of in found.items()
        }
    print()
    for name, names in won.items():
        sure = [gate for gate in names if report[name][gate]["high"] <= HALF]
        print(
            f"{name}: "
            + (f"met by {', '.join(names)}" if names else "missed: no gate saves half")
            + (f"; the whole interval is below half for {', '.join(sure)}" if sure else "")
        )
    met = all(won.values())
    print(
        json.dumps(
            {
                "benchmark": "teacher_economics",
                "environments": plain(report),
                "winners": won,
                "load": [round(value, 1) for value in os.getloadavg()],
                "target": f"{LEVEL} of the success with {HALF} of the tokens, in each environment",
                "met": met,
            }
        )
    )
    return 0 if met or not options.check else 1


if __name__ == "__main__":
    sys.exit(main())
