"""Ordinary SFT through our learner, beside TRL's SFTTrainer at its best setting.

Peer: TRL's SFTTrainer with assistant_only_loss, gradient checkpointing and bf16 off, no reports;
    once with packing and once with length-grouped padding, and the faster of the two counts.
Work: one epoch over the same conversations (2 to 8 turns, trained on what the assistant says) with
    the same tiny Llama (1.2 M parameters, float32), start, optimizer (AdamW) and, within a few per
    cent, optimizer steps; one thread. Ours tokenises inside the clock, TRL before it. Before any
    clock starts all sides must have the same loss, gradient and gradient norm over the whole data
    at learning rate 0. Each side has a process of its own; runs are interleaved; medians and least.
Target: at least 1.4 times the faster peer's supervised tokens per CPU second, and not more memory,
    neither the process's peak nor what training adds to the process at rest.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import sft_sides
import torch
from sft_sides import OURS, PEERS, make_work

RATIO = 1.4


class Side:
    """A process that fits when it is asked to."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.runs: list[dict[str, float]] = []
        self._log = (folder / f"{name}.log").open("w+")
        self._process = subprocess.Popen(
            [sys.executable, sft_sides.__file__, name, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )

    def fit(self, gradient: Path | None = None) -> dict[str, float]:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(f"{gradient or ''}\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            self._log.seek(0)
            raise SystemExit(f"{self.name} failed:\n{self._log.read()[-3000:]}")
        figures: dict[str, float] = json.loads(line)
        return figures

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._log.close()

    def median(
        self, name: str, of: Callable[[Sequence[float]], float] = statistics.median
    ) -> float:
        return of([run[name] for run in self.runs])


def check_equal(folder: Path) -> dict[str, float]:
    """Loss, norm and gradient of all sides over all data, or the end of the benchmark."""
    sides = [Side(name, folder) for name in (OURS, *PEERS)]
    try:
        found = {side.name: side.fit(folder / f"{side.name}.pt") for side in sides}
    finally:
        for side in sides:
            side.close()
    want, own = found[OURS], torch.load(folder / f"{OURS}.pt").double()
    worst = 0.0
    for name, figures in found.items():
        gradient = torch.load(folder / f"{name}.pt").double()
        error = float((gradient - own).norm() / own.norm())
        worst = max(worst, error)
        same = figures["tokens"] == want["tokens"] and figures["steps"] == 1 and error < 1e-4
        for value in ("loss", "norm"):
            same &= abs(figures[value] - want[value]) <= 1e-4 * abs(want[value])
        if not same:
            raise SystemExit(f"not the same work: {OURS} {want}; {name} {figures}; {error=}")
    return {"loss": want["loss"], "norm": want["norm"], "gradient_error": worst}


def versions() -> dict[str, str]:
    """Of what is compared."""
    found = {}
    for package in ("torch", "transformers", "trl", "accelerate"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def main() -> int:
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--quick", action="store_true", help="less data and fewer repeats: under two minutes"
    )
    parser.add_argument("--check", action="store_true", help="exit 1 when the target is missed")
    options = parser.parse_args()
    if "trl" not in versions():
        reason = 'TRL is not installed: pip install "swe-dagger[interop]"'
        print(reason)
        print(json.dumps({"benchmark": "sft", "missing": {"trl": reason}, "met": False}))
        return 1 if options.check else 0

    repeats, conversations = (3, 32) if options.quick else (7, 256)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_work(folder, conversations)
        equal = check_equal(folder)
        # New processes: what the check took of memory is not counted.
        sides = [Side(side, folder) for side in (OURS, *PEERS)]
        try:
            for side in sides:
                side.fit()  # warm-up
            for n in range(repeats):
                for side in sides:
                    side.runs.append(side.fit())
                print(f"repeat {n + 1} of {repeats}", file=sys.stderr, flush=True)
        finally:
            for side in sides:
                side.close()
    return report(sides, equal, options.check)


def report(sides: Sequence[Side], equal: dict[str, float], check: bool) -> int:
    """Print the table and the figures."""
    table = {
        side.name: {
            "tokens_per_cpu_s": side.runs[0]["tokens"] / side.median("cpu"),
            "cpu_s": side.median("cpu"),
            "least_cpu_s": side.median("cpu", min),
            "wall_s": side.median("wall"),
            "peak_mb": side.median("peak_mb"),
            "added_mb": side.median("added_mb"),
            "steps": side.runs[0]["steps"],
        }
        for side in sides
    }
    print(
        f"same loss {equal['loss']:.5f}, gradient norm {equal['norm']:.5f} (gradients differ by "
        f"{equal['gradient_error']:.1e}); {sides[0].runs[0]['tokens']:,.0f} supervised tokens"
    )
    print(f"{'':14}" + "".join(f"{name:>18}" for name in next(iter(table.values()))))
    for name, of in table.items():
        print(f"{name:14}" + "".join(f"{value:18,.2f}" for value in of.values()))
    best = min((side for side in sides if side.name != OURS), key=lambda side: side.median("cpu"))
    mine, peer = table[OURS], table[best.name]
    ratio = peer["cpu_s"] / mine["cpu_s"]
    least = peer["least_cpu_s"] / mine["least_cpu_s"]
    print(f"{ratio:.2f} times {best.name} (of the least: {least:.2f})")
    met = {
        f"at least {RATIO}x": ratio >= RATIO,
        "not fewer optimizer steps": mine["steps"] >= peer["steps"],
        "peak memory not higher": mine["peak_mb"] <= peer["peak_mb"],
        "training adds not more memory": mine["added_mb"] <= peer["added_mb"],
    }
    for target, reached in met.items():
        print(f"{'met   ' if reached else 'MISSED'} {target}")
    figures = {
        "benchmark": "sft",
        "sides": table,
        "faster_peer": best.name,
        "ratio": round(ratio, 3),
        "ratio_of_least": round(least, 3),
        "equal": equal,
        "repeats": len(sides[0].runs),
        "cores": os.cpu_count(),
        "load": [round(value, 1) for value in os.getloadavg()],
        "versions": versions(),
        "targets": met,
        "met": all(met.values()),
    }
    print(json.dumps(figures))
    return 0 if figures["met"] or not check else 1


if __name__ == "__main__":
    sys.exit(main())
