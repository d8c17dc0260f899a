"""Training on a different label at every turn: branch packing beside one sample per label.

Work: one optimizer step's gradient for trajectories of 10, 30 and 100 turns of about 24 + 8 tokens,
    where every label differs from what was executed from its first token on (the worst case), on
    random models of three families, float32, one thread. Loss and gradient of all sides are
    asserted to be equal before any clock starts. CPU seconds, sides taking turns, medians.
Peers: one sample per label in a plain loop at its best batching (length buckets, right padding, no
    mask, logits at supervised rows only, the best of several batch sizes), and TRL's SFTTrainer fed
    the same samples at the best of its settings (packing; length groups of several sizes; both
    without gradient checkpointing or bf16).
Memory: the most that a run adds to its process at rest, each side in a process of its own at the
    setting with which it is fastest. Ours holds a trajectory with all its labels at once, a fifth
    more tokens than the longest sample, so it has to keep less for each of them.
Target: gradients within 1e-5; tokens processed at most 1.3 times the trajectory's own and the
    labels'; at least 7 times less CPU than either peer at 30 turns and 15 times at 100; peak memory
    not higher.
With --device cuda: one trajectory of 32,000 tokens in bfloat16 on a model of 0.6 B random
    parameters with FlexAttention: tokens per second and memory beside one sample per label and
    beside SFT on the same trajectory.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from typing import Any

import torch
from branch_packing_sides import (
    BUDGETS,
    FAMILIES,
    TRL_SETTINGS,
    Side,
    make_work,
    peak_memory,
    sides_for,
)

CPU_TARGET = {30: 7.0, 100: 15.0}
TOKEN_TARGET, GRADIENT_TARGET = 1.3, 1e-5
TRAJECTORIES = {10: 8, 30: 2, 100: 1}
QUICK = {10: 2, 30: 1, 100: 1}


def best(side: Side, share: int) -> Any:
    """The setting with which a side is fastest, tried on one of `share` samples."""
    tried = {setting: side.run(setting, share)[0] for setting in side.settings}
    return min(tried, key=lambda setting: tried[setting])


def compare(
    family: str,
    turns: int,
    quick: bool,
    names: list[str],
    figures: dict[str, Any],
    known: dict[str, Any],
) -> None:
    """Assert equality, then measure; adds one row to the figures, and settings that were found to
    those known."""
    work = make_work(turns, (QUICK if quick else TRAJECTORIES)[turns], FAMILIES[family])
    repeats = {10: 3, 30: 2, 100: 1}[turns] if quick else 5
    sides = sides_for(work, names)
    # Too small a share would fit into one pass at any setting.
    share = {10: 1, 30: 1, 100: 8}[turns] if quick else 4
    for name, side in sides.items():
        if name != "branch packing" and not (quick and name in known):
            known[name] = best(side, share)
    chosen = {name: known[name] for name in names if name in known}
    # No more tokens in a pass than the peer's best has, so that memory can be compared too.
    chosen = {"branch packing": chosen["one sample per label"], **chosen}
    row: dict[str, Any] = {"settings": {name: str(of) for name, of in chosen.items()}}
    first = {name: side.run(chosen[name]) for name, side in sides.items()}
    _, want_loss, want = first["one sample per label"]
    for name, (_, loss, gradient) in first.items():
        error = float((gradient - want).norm() / want.norm())
        row[f"gradient error, {name}"] = error
        if error > GRADIENT_TARGET or abs(loss - want_loss) > GRADIENT_TARGET * abs(want_loss):
            raise SystemExit(
                f"{family}, {turns} turns: {name} computes something else: gradient off by "
                f"{error:.1e}, loss {loss} instead of {want_loss}"
            )
    row["tokens"] = sum(map(len, work.packed)) / work.own_tokens
    row["tokens, one sample per label"] = sum(len(s.ids) for s in work.samples) / work.own_tokens
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(repeats):
        for name, side in sides.items():
            seconds[name].append(side.run(chosen[name])[0])
    median = {name: statistics.median(of) for name, of in seconds.items()}
    row["cpu_seconds"] = median
    row["ratio"] = {name: of / median["branch packing"] for name, of in median.items()}
    figures[f"{family} {turns}"] = row
    spent = ", ".join(
        f"{name} {of:.2f} s ({row['ratio'][name]:.1f}x, {chosen[name]})"
        for name, of in median.items()
    )
    print(f"{family:8} {turns:4} turns: tokens {row['tokens']:.2f}x, {spent}", flush=True)


def memory(family: str, turns: int, settings: dict[str, str]) -> dict[str, float]:
    """Peak memory of each side above what its process held before, MB, each in its own process."""
    # Memory that was freed leaves the process at once, so that its size is what it holds.
    frees = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
    started = {
        name: subprocess.Popen(
            [sys.executable, __file__, "--memory", family, str(turns), name, setting],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **frees},
        )
        for name, setting in settings.items()
    }
    peaks = {}
    for name, process in started.items():
        said, complained = process.communicate()
        if process.returncode:
            raise SystemExit(complained)
        peaks[name] = float(said.splitlines()[-1])
    shown = ", ".join(f"{name} {peak:.0f} MB" for name, peak in peaks.items())
    print(f"{family:8} {turns:4} turns: {shown}", flush=True)
    return peaks


def on_cpu(quick: bool) -> tuple[dict[str, Any], dict[str, bool]]:
    """All figures, and which targets were met."""
    torch.set_num_threads(1)
    names = ["branch packing", "one sample per label"]
    try:
        import trl  # noqa: F401

        names.append("TRL")
        missing = None
    except ImportError:
        missing = "TRL is not installed (pip install 'swe-dagger[interop]'): skipped"
        print(missing)
    figures: dict[str, Any] = {}
    for turns in TRAJECTORIES:
        known: dict[str, Any] = {}
        for n, family in enumerate(FAMILIES):
            if quick and turns == 100 and n > 0:
                continue
            with_trl = not quick or (n == 0 and turns < 100)
            compare(family, turns, quick, names if with_trl else names[:2], figures, known)
    family = next(iter(FAMILIES))
    peaks = {
        turns: memory(family, turns, figures[f"{family} {turns}"]["settings"])
        for turns in CPU_TARGET
        if not quick or turns < 100
    }
    met = {
        "every peer was there": missing is None,
        "tokens": all(row["tokens"] <= TOKEN_TARGET for row in figures.values()),
        "memory": all(of["branch packing"] <= min(of.values()) * 1.02 for of in peaks.values()),
    }
    for turns, target in CPU_TARGET.items():
        rows = [row for key, row in figures.items() if key.endswith(f" {turns}")]
        for peer in names[1:]:
            ratios = [row["ratio"][peer] for row in rows if peer in row["ratio"]]
            if ratios:
                met[f"CPU at {turns} turns, {peer}"] = min(ratios) >= target
    return {"cpu": figures, "memory_mb": peaks, "missing": missing}, met


def on_cuda() -> tuple[dict[str, Any], dict[str, bool]]:
    from branch_packing_cuda import measure

    figures = measure()
    ours, peer = figures["branch packing"], figures["one sample per label"]
    met = {
        "gradient": figures["gradient_error"] < 1e-3,
        "faster": ours["seconds"] < peer["seconds"],
    }
    return figures, met


def main() -> int:
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--quick",
        action="store_true",
        help="less of it, TRL and the search for settings with one family, and that alone at 100 "
        "turns: under two minutes",
    )
    parser.add_argument("--check", action="store_true", help="exit 1 when the target is missed")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--memory", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory:
        family, turns, name, setting = options.memory
        torch.set_num_threads(1)
        work = make_work(int(turns), TRAJECTORIES[int(turns)], FAMILIES[family])
        known = {str(of): of for of in [*BUDGETS, *TRL_SETTINGS]}
        print(peak_memory(sides_for(work, [name])[name], known[setting]))
        return 0
    figures, met = on_cuda() if options.device == "cuda" else on_cpu(options.quick)
    report = {
        "benchmark": "branch_packing",
        "device": options.device,
        **figures,
        "load": [round(value, 1) for value in os.getloadavg()],
        "met": met,
    }
    print(json.dumps(report))
    return 0 if all(met.values()) or not options.check else 1


if __name__ == "__main__":
    sys.exit(main())
