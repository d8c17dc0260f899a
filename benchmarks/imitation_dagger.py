"""imitation's DAgger and ours on the same discrete problem, with the same expert and labels.

Peer: SimpleDAggerTrainer of imitation 1.0.1 (imitation_side.py), logging and progress bars off. It
    needs gymnasium 0.29, so it runs in a virtual environment of its own, made at the first call
    (about 2 GB; minutes) in ~/.cache/swe-gym/benchmarks/imitation or --venv.
Work: the tightrope, 20 steps, 128 cues of the rope and 16 of the pit, 24 turns, in 4 environments
    at once; both run the environment of this repository from the same seeds. 5 rounds in which β
    falls from 1 to 0 in a line, 4 epochs over all labels after each. The students are one class of
    functions, a softmax over a table: ours rows of numpy, imitation's a linear layer over one-hot
    states with Adam at the best learning rate of 0.01 to 1. imitation ends rounds with whole
    episodes, so it goes first and ours gets as many labels as it used, or up to 3 fewer. Then
    held-out episodes, greedily. Steps per second are environment steps of training per CPU second,
    fits and both stores included; the sides take turns, one thread for numbers.
Target: ours succeeds as often: the 95% interval of ours less imitation's, paired by training seed,
    does not lie below 0; and the median of the steps per second is not lower.
"""

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from scipy import stats

import swe_gym_env  # registers the toys
from dagger_algo.dagger import DaggerConfig, dagger
from dagger_algo.env_pool import EnvPool
from dagger_algo.evaluate import evaluate
from dagger_algo.ledger import Budget, Ledger
from dagger_algo.policies.scripted import ExpertTeacher
from dagger_algo.policies.tabular import TabularPolicy, last_line
from dagger_algo.run import Run
from dagger_algo.schedules import Beta
from dagger_algo.store import EpisodeStore

VENV = Path("~/.cache/swe-gym/benchmarks/imitation")
# Found to import together: imitation 1.0.1 pins stable-baselines3 2.2, and that gymnasium 0.29;
# sacred wants the pkg_resources that setuptools 81 dropped; today's pyarrow wants numpy 2.
PINS = (
    "torch==2.13.0",
    "imitation==1.0.1",
    "stable-baselines3==2.2.1",
    "gymnasium==0.29.1",
    "numpy>=2,<3",
    "setuptools<81",
)
SETTINGS: dict[str, Any] = {
    "env": {"horizon": 20, "cues": 128, "pit_cues": 16, "max_turns": 24},
    "envs": 4,
    "rounds": 5,
    "labels": 500,
    "epochs": 4,
    "hidden": [],
    "learning_rate": 0.2,
}
OURS, PEER = "ours", "imitation"


class Missing(Exception):
    """imitation is not here; the message says why."""


def make_venv(folder: Path) -> Path:
    """The Python of a virtual environment with imitation, made unless it is there."""
    python, stamp = folder / "bin" / "python", folder / "installed.json"
    if stamp.exists() and json.loads(stamp.read_text()) == list(PINS):
        return python
    print(f"making {folder}: takes minutes, once", file=sys.stderr)
    steps = (
        [sys.executable, "-m", "venv", "--clear", str(folder)],
        [str(python), "-m", "pip", "install", "--quiet", *PINS],
        [str(python), "-c", "import imitation.algorithms.dagger"],
    )
    for step in steps:
        done = subprocess.run(step, capture_output=True, text=True)
        if done.returncode:
            said = done.stderr.strip().splitlines() or ["nothing was said"]
            raise Missing(f"imitation cannot be installed in {folder}: {said[-1]}")
    stamp.write_text(json.dumps(PINS))
    return python


class Imitation:
    """A process that trains with imitation when it is given a seed."""

    def __init__(self, python: Path, settings: dict[str, Any], folder: Path) -> None:
        self._log = (folder / "imitation.log").open("w+")
        self._process = subprocess.Popen(
            [str(python), str(Path(__file__).with_name("imitation_side.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env=os.environ
            | {
                "PYTHONPATH": str(Path(swe_gym_env.__file__).parents[1]),
                "OMP_NUM_THREADS": "1",
            },
        )
        self.versions: dict[str, str] = self._line()
        self._say(json.dumps(settings))

    def train(self, seed: int) -> dict[str, Any]:
        self._say(str(seed))
        return self._line()

    def _say(self, line: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def _line(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            self._log.seek(0)
            raise SystemExit(f"imitation's side failed:\n{self._log.read()[-3000:]}")
        found: dict[str, Any] = json.loads(line)
        return found

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._log.close()


def train(settings: dict[str, Any], seed: int, labels: int) -> dict[str, Any]:
    """One training of ours and its evaluation."""
    options = settings["env"]
    count = settings["envs"]
    words = gym.make("Tightrope-v0", **options).unwrapped.action_words  # type: ignore[attr-defined]
    student = TabularPolicy(words, state=last_line, seed=seed)
    # The environments step together: the last turn may ask for count - 1 labels too many.
    ledger = Ledger(Budget(10**9, labels - count + 1))
    held_seeds = range(settings["heldout"])
    with (
        tempfile.TemporaryDirectory() as folder,
        EnvPool(lambda: gym.make("Tightrope-v0", expert=True, **options), count) as pool,
        EnvPool(lambda: gym.make("Tightrope-v0", split="heldout", **options), count) as held,
    ):
        cpu, wall = time.process_time(), time.perf_counter()
        with EpisodeStore(Path(folder) / "episodes.jsonl") as store:
            run = Run(
                student,
                ExpertTeacher(),
                pool,
                itertools.count(1000 * seed),
                # Between rounds imitation evaluates nothing: neither do we.
                lambda s: evaluate(s, held, ())[0],
                store,
                ledger,
                seed,
            )
            beta = Beta("linear", 1.0, 0.0)
            dagger(run, DaggerConfig(settings["rounds"], settings["epochs"], beta=beta))
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        success = evaluate(student, held, held_seeds)[0].success
    return {
        "labels": ledger.teacher_tokens,
        "success": success,
        "cpu": cpu,
        "wall": wall,
        "collecting": wall - ledger.seconds["train"],
    }


def interval(values: Sequence[float]) -> list[float]:
    """Mean and the ends of its 95% interval over training seeds (Student's t)."""
    mean = statistics.fmean(values)
    half = stats.t.ppf(0.975, len(values) - 1) * stats.sem(values)
    return [round(float(x), 4) for x in (mean, mean - half, mean + half)]


def summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """What one side comes to."""
    return {
        "success": interval([run["success"] for run in runs]),
        "labels": round(statistics.fmean(run["labels"] for run in runs), 1),
        "steps_per_cpu_second": round(statistics.median(r["labels"] / r["cpu"] for r in runs), 1),
        "steps_per_second": round(statistics.median(r["labels"] / r["wall"] for r in runs), 1),
        "collecting": round(statistics.median(r["collecting"] / r["wall"] for r in runs), 3),
    }


def main() -> int:
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="8 training seeds instead of 20")
    parser.add_argument("--check", action="store_true", help="exit 1 when the target is missed")
    parser.add_argument("--venv", type=Path, default=VENV, help="where imitation is, or goes")
    options = parser.parse_args()
    try:
        python = make_venv(options.venv.expanduser().absolute())
    except Missing as reason:
        print(reason)
        missing = {PEER: str(reason)}
        print(json.dumps({"benchmark": "imitation_dagger", "missing": missing, "met": False}))
        return 1 if options.check else 0

    seeds = range(8 if options.quick else 20)
    settings = SETTINGS | {"heldout": 200 if options.quick else 500}
    runs: dict[str, list[dict[str, Any]]] = {OURS: [], PEER: []}
    with tempfile.TemporaryDirectory() as folder:
        peer = Imitation(python, settings, Path(folder))
        try:
            for seed in (0, *seeds):  # the first one only warms up
                runs[PEER].append(peer.train(seed))
                runs[OURS].append(train(settings, seed, int(runs[PEER][-1]["labels"])))
        finally:
            peer.close()
    for side in runs.values():
        del side[0]
    for theirs, ours in zip(runs[PEER], runs[OURS], strict=True):
        if not 0 <= theirs["labels"] - ours["labels"] < settings["envs"]:
            raise SystemExit(f"not the same labels: imitation {theirs}; ours {ours}")

    figures = {name: summary(side) for name, side in runs.items()}
    difference = interval(
        [o["success"] - t["success"] for o, t in zip(runs[OURS], runs[PEER], strict=True)]
    )
    ratio = figures[OURS]["steps_per_cpu_second"] / figures[PEER]["steps_per_cpu_second"]
    for name, of in figures.items():
        mean, low, high = of["success"]
        print(
            f"{name:10} success {mean:.3f} [{low:.3f}, {high:.3f}] from {of['labels']:.0f} labels; "
            f"{of['steps_per_cpu_second']:.0f} steps per CPU second, "
            f"{of['steps_per_second']:.0f} per second, {of['collecting']:.0%} of it collecting"
        )
    print("ours less imitation's: {:+.3f} [{:+.3f}, {:+.3f}]".format(*difference))
    met = {
        "success within the interval": bool(np.isfinite(difference[2]) and difference[2] >= 0),
        f"not slower: {ratio:.1f}x": ratio >= 1,
    }
    for target, reached in met.items():
        print(f"{'met   ' if reached else 'MISSED'} {target}")
    told = {
        "benchmark": "imitation_dagger",
        "seeds": len(seeds),
        "settings": settings,
        "versions": peer.versions,
        "cores": os.cpu_count(),
        "load": [round(value, 1) for value in os.getloadavg()],
        **figures,
        "difference": difference,
        "speed_ratio": round(ratio, 2),
        "targets": met,
        "met": all(met.values()),
    }
    print(json.dumps(told))
    return 0 if told["met"] or not options.check else 1


if __name__ == "__main__":
    sys.exit(main())
