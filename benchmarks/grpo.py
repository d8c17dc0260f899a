"""GRPO: batches of grouped roll-outs, each learnt from once, beside TRL's GRPOTrainer.

Peer: TRL's GRPOTrainer on its transformers backend, gradient checkpointing and bf16 off, no
    reports; once with all episodes in one pass and once in four, and the faster of the two counts.
    One turn: as it comes, with a reward function. Twenty: its `rollout_func`, with transformers'
    `generate` on the whole history of all episodes at each turn, which is how TRL's own loop over
    tools generates.
Work: 4 tasks in groups of 8 in one environment (random words in, a few words out), one step of
    AdamW for each batch, on the same 0.9 M-parameter Llama (float32, one thread): one turn of 32
    tokens in and up to 64 out, and 20 turns of 32 in and up to 16 out. Each side samples its own
    actions, from the same distribution. Ours writes its episodes to disk inside the clock. Before
    any clock starts, all sides are given the same roll-outs and rewards and must have the same loss
    and gradient at learning rate 0. Each side has a process of its own; runs are interleaved;
    medians and least.
Target: per environment step at least 1.2 times less CPU than the faster peer at one turn, and 3
    times at 20.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import grpo_sides
import torch
from grpo_sides import OURS, PEERS, Order, Work, line, make_work

WORKS = {"1 turn": Work(4, 1, seen=32, said=64), "20 turns": Work(4, 20, seen=32, said=16)}
BATCHES = {"1 turn": 4, "20 turns": 1}
WARM_UP = Order(Work(1, 2, seen=32, said=16), 1)
TARGETS = {"1 turn": 1.2, "20 turns": 3.0}
SIDES = (OURS, *PEERS)
VERSIONS = (
    "import json, torch, transformers, trl;"
    "print(json.dumps({m.__name__: m.__version__ for m in (torch, transformers, trl)}))"
)


class Side:
    """A process that trains when it is asked to."""

    def __init__(self, name: str, folder: Path, python: str) -> None:
        self.name = name
        self._log = (folder / f"{name}.log").open("w+")
        environment = dict(os.environ)
        if name == OURS:
            root = str(Path(__file__).parents[1])
            environment["PYTHONPATH"] = os.pathsep.join([root, environment.get("PYTHONPATH", "")])
        self._process = subprocess.Popen(
            [sys.executable if name == OURS else python, grpo_sides.__file__, name, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=environment,
            text=True,
        )

    def run(self, order: Order) -> dict[str, float]:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(line(order) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            self._log.seek(0)
            raise SystemExit(f"{self.name} failed:\n{self._log.read()[-3000:]}")
        figures: dict[str, float] = json.loads(answer)
        return figures

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._log.close()


def check_equal(sides: Sequence[Side], folder: Path, work: Work) -> float:
    """How far gradients are apart on the same roll-outs, or the end of the benchmark."""
    found = {}
    for side in sides:
        path = folder / f"{side.name}.pt"
        found[side.name] = side.run(Order(work, 1, str(path))), torch.load(path).double()
    want, own = found[OURS]
    worst = 0.0
    for name, (figures, gradient) in found.items():
        error = float((gradient - own).norm() / own.norm())
        worst = max(worst, error)
        same = figures["target_tokens"] == want["target_tokens"] and error < 1e-3
        same &= abs(figures["loss"] - want["loss"]) < 1e-5 and float(own.norm()) > 0
        if not same:
            raise SystemExit(f"not the same work: {OURS} {want}; {name} {figures}; {error=}")
    return worst


def versions(python: str) -> dict[str, str] | None:
    """Of what TRL's side runs on; None without TRL."""
    asked = subprocess.run([python, "-c", VERSIONS], capture_output=True, text=True)
    found: dict[str, str] | None = json.loads(asked.stdout) if asked.returncode == 0 else None
    return found


def main() -> int:
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer repeats")
    parser.add_argument("--check", action="store_true", help="exit 1 when the target is missed")
    parser.add_argument(
        "--trl-python", default=sys.executable, help="an interpreter that has TRL (default: this)"
    )
    options = parser.parse_args()
    packages = versions(options.trl_python)
    if packages is None:
        reason = 'TRL is not installed: pip install "swe-dagger[interop]", or name an interpreter '
        reason += "that has it with --trl-python"
        print(reason)
        print(json.dumps({"benchmark": "grpo", "missing": {"trl": reason}, "met": False}))
        return 1 if options.check else 0

    repeats = 2 if options.quick else 5
    runs: dict[str, dict[str, list[dict[str, float]]]] = {}
    equal = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_work(folder)
        sides = [Side(side, folder, options.trl_python) for side in SIDES]
        try:
            for kind, work in WORKS.items():
                equal[kind] = check_equal(sides, folder, work)
                runs[kind] = {side.name: [] for side in sides}
                for side in sides:
                    side.run(WARM_UP)
                for _ in range(repeats):
                    for side in sides:
                        found = side.run(Order(work, BATCHES[kind]))
                        runs[kind][side.name].append(found)
                        print(f"{kind}, {side.name}: {found['cpu']:.1f} s", file=sys.stderr)
        finally:
            for side in sides:
                side.close()
    return report(runs, equal, packages, options.check)


def report(
    runs: dict[str, dict[str, list[dict[str, float]]]],
    equal: dict[str, float],
    packages: dict[str, str],
    check: bool,
) -> int:
    """Print the table and the figures."""
    table: dict[str, Any] = {}
    met = {}
    for kind, of in runs.items():
        print(f"{kind}: gradients of the same roll-outs differ by {equal[kind]:.1e}")
        print(f"{'':18}{'cpu ms/step':>14}{'least':>10}{'wall ms/step':>14}{'tokens/step':>13}")
        rows = {side: summary(found) for side, found in of.items()}
        for side, row in rows.items():
            print(
                f"{side:18}{row['cpu_ms']:14.2f}{row['least_cpu_ms']:10.2f}{row['wall_ms']:14.2f}"
                f"{row['said']:13.1f}"
            )
        best = min(PEERS, key=lambda side: rows[side]["cpu_ms"])
        ratio = rows[best]["cpu_ms"] / rows[OURS]["cpu_ms"]
        least = rows[best]["least_cpu_ms"] / rows[OURS]["least_cpu_ms"]
        print(f"{ratio:.2f} times as fast as {best} (of the least: {least:.2f})\n")
        target = f"{kind}: at least {TARGETS[kind]} times"
        met[target] = ratio >= TARGETS[kind]
        table[kind] = {
            "sides": rows,
            "faster_peer": best,
            "ratio": round(ratio, 3),
            "ratio_of_least": round(least, 3),
            "gradient_error": equal[kind],
        }
    for target, reached in met.items():
        print(f"{'met   ' if reached else 'MISSED'} {target}")
    figures = {
        "benchmark": "grpo",
        "works": table,
        "repeats": len(next(iter(runs["1 turn"].values()))),
        "cores": os.cpu_count(),
        "load": [round(value, 1) for value in os.getloadavg()],
        "versions": packages,
        "targets": met,
        "met": all(met.values()),
    }
    print(json.dumps(figures))
    return 0 if figures["met"] or not check else 1


def summary(found: Sequence[dict[str, float]]) -> dict[str, float]:
    """Per environment step: milliseconds, and tokens said."""
    cpu = [1000 * run["cpu"] / run["steps"] for run in found]
    wall = [1000 * run["wall"] / run["steps"] for run in found]
    return {
        "cpu_ms": statistics.median(cpu),
        "least_cpu_ms": min(cpu),
        "wall_ms": statistics.median(wall),
        "said": statistics.median(run["said"] / run["steps"] for run in found),
    }


if __name__ == "__main__":
    sys.exit(main())
