"""The trilemma, measured: SFT, RLVR and DAgger where each should win, where none should, and where
nobody knew.

Work: the sweeps of `benchmarks/studies/`, each a YAML file for `python -m baselines compare`, ten
    seeds or more; the error rates of their students on the teacher's states and on their own; and
    regret against the horizon at a fixed error rate (`regret.py`). Every sweep leaves its report.
Expected (--check): on the tightrope DAgger is ahead at some budget of labels, and both meet at the
    largest; regret grows as T² and T; on the lock RLVR stays at 10% or less where DAgger exceeds
    90%; on the lenient corridor no method is ahead; on the cliff DAgger is not; with a poor teacher
    RLVR ends ahead of imitation. On RepairToy and TextWorld nothing is expected: the paired
    difference to the best baseline is printed, whatever it is.
Time: one hour on two cores; --quick, with three seeds and without transformers, a few minutes.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Container, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import asdict, replace
from multiprocessing import get_context
from pathlib import Path

import regret
from trilemma_claims import JUDGES, Claim
from trilemma_errors import error_rates

from baselines.evidence.results import load_results
from baselines.reporting.report import write_report
from baselines.sweep.compare import compare
from baselines.sweep.config import Compare
from baselines.sweep.sweep_file import read_sweep

STUDIES = Path(__file__).parent / "studies"
WITH_TRANSFORMERS = ("repair_toy", "text_world")
EXPLAINED = ("label_budget", "horizon", "cliff")
"""Studies that error rates explain."""
Told = tuple[list[Claim], float]
"""What a study says, and the minutes that it took."""


def main() -> int:
    """Run the studies in turn; exit 1 with --check where an expectation was not met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=_Raw)
    names = ("regret", *JUDGES)
    parser.add_argument("studies", nargs="*", metavar="STUDY", help=f"of {', '.join(names)}")
    parser.add_argument("--quick", action="store_true", help="three seeds, no transformers")
    parser.add_argument("--check", action="store_true", help="exit 1 when one is not as expected")
    parser.add_argument("--out", type=Path, default=Path("runs/trilemma"), help="folder of results")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 2, help="processes")
    options = parser.parse_args()
    if unknown := set(options.studies) - set(names):
        parser.error(f"no study {unknown.pop()!r}; known: {', '.join(names)}")
    slow = WITH_TRANSFORMERS if options.quick else ()
    chosen = options.studies or [name for name in names if name not in slow]
    started = time.monotonic()
    asked: dict[str, Future[Told]] = {}
    told: dict[str, list[Claim]] = {}
    # What a study says is worked out while the cells of the next one are under way.
    with ProcessPoolExecutor(1, get_context("spawn")) as beside:
        for name in chosen:
            if name == "regret":
                asked[name] = beside.submit(_regret, options.quick)
            else:
                config = _config(name, options)
                begun = time.monotonic()
                folder = compare(config)
                asked[name] = beside.submit(_judged, name, config, folder, _minutes(begun))
            told |= _print({name: future for name, future in asked.items() if future.done()}, told)
        told |= _print(asked, told)
    met = all(claim.met is not False for claims in told.values() for claim in claims)
    plain = {name: [asdict(claim) for claim in told[name]] for name in chosen}
    minutes = round(_minutes(started), 1)
    print(f"\n{minutes} min in all")
    figures = {"benchmark": "trilemma", "quick": options.quick, "minutes": minutes}
    print(json.dumps({**figures, **plain, "met": met}))
    return 0 if met or not options.check else 1


def _print(ready: Mapping[str, "Future[Told]"], told: Container[str]) -> dict[str, list[Claim]]:
    """Print what is ready and was not told yet; returns it."""
    new = {name: future.result() for name, future in ready.items() if name not in told}
    for name, (claims, minutes) in new.items():
        print(f"\n{name}, {minutes:.1f} min")
        for claim in claims:
            mark = {True: "as expected:", False: "NOT as expected:", None: "-"}[claim.met]
            print(f"  {mark} {claim.text}", flush=True)
    return {name: claims for name, (claims, _) in new.items()}


def _minutes(since: float) -> float:
    return (time.monotonic() - since) / 60


def _config(name: str, options: argparse.Namespace) -> Compare:
    config = read_sweep(STUDIES / f"{name}.yaml")
    config = replace(config, out=options.out, workers=options.workers)
    return replace(config, name=f"{name}-quick", seeds=3) if options.quick else config


def _judged(name: str, config: Compare, folder: Path, minutes: float) -> Told:
    """A study's report and claims; `minutes` is what its cells took."""
    begun = time.monotonic()
    write_report(folder)
    results = load_results(folder)
    claims = list(JUDGES[name](results))
    if name in EXPLAINED:
        claims += error_rates(config, results)
    return claims, minutes + _minutes(begun)


def _regret(quick: bool) -> Told:
    begun = time.monotonic()
    figures = regret.measure(regret.TURNS if quick else 4 * regret.TURNS)
    claims = [
        Claim("both slopes as the theory says, and their intervals apart", regret.met(figures))
    ]
    for name, expected in (("SFT", "near 2"), ("DAgger", "near 1")):
        low, middle, high = figures[name]["slope"]
        claims.append(
            Claim(f"{name}: log-log slope {middle:.2f} ({low:.2f} to {high:.2f}), {expected}")
        )
    return claims, _minutes(begun)


_Raw = argparse.RawDescriptionHelpFormatter

if __name__ == "__main__":
    sys.exit(main())
