"""Teacher economics: success on held-out episodes against teacher tokens, for every gate.

Work: DAgger with each gate from the same untrained student, on the tightrope and the combination
    lock with a table for a student (or one environment: --env; RepairToy-v0 trains the tiny
    transformer from a common warm start, whose tokens count, and takes hours). Every gate at its
    defaults, labels only where it asks. All get the same environment steps, at most the same
    teacher tokens and as many fits; after each fit the student is evaluated greedily.
Peers: full DAgger (β = max(0.6, 1 - 0.2 (i - 1)), a label at every state), the same with β = 0, and
    a control that knows nothing: the student acts and a random fifth of its states is labelled.
Target: some gate reaches 95% of full DAgger's final success with at most half of the tokens with
    which full DAgger first reaches that same level, in the median over seeds. It is enough in one
    environment; where it holds and where not is printed.
"""

import argparse
import itertools
import json
import math
import os
import statistics
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gymnasium as gym

import swe_gym_env  # registers the toys
from dagger_algo.dagger import DaggerConfig, dagger
from dagger_algo.env_pool import EnvPool
from dagger_algo.evaluate import evaluate
from dagger_algo.labels import Labels
from dagger_algo.ledger import Budget, Ledger
from dagger_algo.policies.scripted import ExpertTeacher
from dagger_algo.policies.tabular import TabularPolicy, last_line
from dagger_algo.run import Run, Silent
from dagger_algo.schedules import Beta
from dagger_algo.store import EpisodeStore

assert swe_gym_env
LEVEL, HALF = 0.95, 0.5
FULL = "full DAgger"
REPAIR = "RepairToy-v0"
# The student acts, and a random fifth of its states is labelled.
RANDOM = "every:k=1000000,check=0.2"
PEERS = {
    FULL: DaggerConfig(labels=Labels("everywhere")),
    "β = 0": DaggerConfig(beta=Beta("constant", 0.0), labels=Labels("everywhere")),
    "random fifth": DaggerConfig(gate=RANDOM, labels=Labels("gate")),
}
GATES = (
    "switch",
    "every",
    "stall",
    "safe",
    "lazy",
    "thrifty",
    "thrifty:score=doubt",
    "ensemble",
    "entropy",
    "discrepancy",
    "learned",
)


@dataclass(frozen=True)
class Problem:
    """One environment and what may be spent on it, in rounds small enough that full DAgger takes
    several to learn it. envs: stepped at a time. held: held-out episodes of an evaluation."""

    env: str
    budget: Budget
    rounds: int
    envs: int = 4
    held: int = 50


PROBLEMS = {
    "Tightrope-v0": Problem("Tightrope-v0", Budget(4000, 1000), 20),
    "CombinationLock-v0": Problem("CombinationLock-v0", Budget(800, 200), 20, envs=2),
    REPAIR: Problem(REPAIR, Budget(12_000, 12_000), 6, envs=16, held=27),
}


@dataclass(frozen=True)
class Point:
    """After one fit."""

    tokens: int
    success: float
    env_steps: int


@dataclass(frozen=True)
class Job:
    """One training run."""

    name: str
    config: DaggerConfig
    problem: Problem
    seed: int
    folder: Path


def run(job: Job) -> list[Point]:
    """Train; one point per round."""
    rounds = _train_lm(job) if job.problem.env == REPAIR else _train_table(job)
    return [Point(r["teacher_tokens"], r["success"], r["env_steps"]) for r in rounds]


def _train_table(job: Job) -> list[dict[str, Any]]:
    problem, log = job.problem, Silent()
    words = gym.make(problem.env).unwrapped.action_words  # type: ignore[attr-defined]
    with (
        EnvPool(lambda: gym.make(problem.env, expert=True), problem.envs) as pool,
        EnvPool(lambda: gym.make(problem.env, split="heldout"), 4) as held,
        EpisodeStore(job.folder / "episodes.jsonl") as store,
    ):
        training = Run(
            TabularPolicy(words, state=last_line, seed=job.seed),
            ExpertTeacher(),
            pool,
            itertools.count(1_000_003 * job.seed),
            lambda student: evaluate(student, held, range(problem.held))[0],
            store,
            Ledger(problem.budget),
            job.seed,
            log,
        )
        dagger(training, job.config)
    return log.rounds


def _compare(job: Job) -> Any:
    from baselines.config import Compare

    return Compare(
        name="warm",
        out=job.folder.parent,
        env=f"swe_gym_env:{job.problem.env}",
        budget=job.problem.budget,
        envs=job.problem.envs,
        heldout_episodes=job.problem.held,
        dagger=replace(job.config, epochs=8),
    )


def _train_lm(job: Job) -> list[dict[str, Any]]:
    from baselines import cell

    cell.train(_compare(job), cell.Job("dagger", job.seed), job.folder, lambda message: None)
    lines = (job.folder / "rounds.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def warm_up(job: Job) -> None:
    """The tokenizer, if there is none yet, and the seed's warm start."""
    from baselines import cell

    config = _compare(job)
    for kind, seed in ((cell.TOKENIZER, -1), (cell.WARM, job.seed)):
        work = cell.Job(kind, seed)
        if not work.done(config):
            cell.run_job(config, work, lambda message: None)
        if not work.done(config):
            raise SystemExit((work.folder(config) / "done.json").read_text(encoding="utf-8"))


def first(points: Sequence[Point], level: float) -> Point | None:
    """Where a level of success is first reached."""
    return next((point for point in points if point.success >= level), None)


def figures(curves: dict[str, list[list[Point]]]) -> dict[str, dict[str, Any]]:
    """By name: ratios of tokens to full DAgger's at the same level, one per seed."""
    found: dict[str, dict[str, Any]] = {}
    levels = [LEVEL * statistics.mean(p.success for p in c[-3:]) for c in curves[FULL]]
    reference = [first(c, level) for c, level in zip(curves[FULL], levels, strict=True)]
    for name, seeds in curves.items():
        ratios, steps = [], []
        for points, level, full in zip(seeds, levels, reference, strict=True):
            reached = first(points, level)
            assert full is not None
            ratios.append(reached.tokens / max(1, full.tokens) if reached else math.inf)
            steps.append(reached.env_steps / full.env_steps if reached else math.inf)
        found[name] = {
            "ratio": statistics.median(ratios),
            "ratios": sorted(ratios),
            "steps_ratio": statistics.median(steps),
            "reached": sum(ratio < math.inf for ratio in ratios),
            "final_success": statistics.mean(points[-1].success for points in seeds),
            "final_tokens": statistics.mean(points[-1].tokens for points in seeds),
        }
    return found


def show(env: str, found: dict[str, dict[str, Any]], seeds: int) -> None:
    full = found[FULL]
    print(
        f"\n{env}: tokens and environment steps to {LEVEL:.0%} of full DAgger's final success "
        f"({full['final_success']:.2f}), over full DAgger's own to there; {seeds} seeds\n"
        f"{'':22} {'tokens':>7} {'from':>6} {'to':>6} {'steps':>6} {'reached':>8} "
        f"{'final':>6} {'at tokens':>9}"
    )
    for name, of in sorted(found.items(), key=lambda item: item[1]["ratio"]):
        low, high = of["ratios"][0], of["ratios"][-1]
        print(
            f"{name:22} {of['ratio']:7.2f} {low:6.2f} {high:6.2f} {of['steps_ratio']:6.1f} "
            f"{of['reached']:>4}/{seeds:<3} {of['final_success']:6.2f} {of['final_tokens']:9.0f}"
        )


def plain(value: Any) -> Any:
    """For JSON, which knows no infinity: null."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return round(value, 3) if math.isfinite(value) else None
    return value


def measure(
    problem: Problem, seeds: int, workers: int, folder: Path
) -> dict[str, list[list[Point]]]:
    """Every gate's curves, one per seed."""
    # The launcher's T_max of 0/20/100 is for 5 rounds of 100 turns: here it reaches the same share.
    longest = 16 if problem.env == REPAIR else 8 if "Lock" in problem.env else 40
    switch = f"switch:step={max(1, longest // problem.rounds)},cap={longest}"
    configs = PEERS | {
        name: DaggerConfig(gate=switch if name == "switch" else name, labels=Labels("gate"))
        for name in GATES
    }
    jobs = [
        Job(name, replace(config, rounds=problem.rounds), problem, seed, folder / f"{seed}-{i}")
        for seed in range(seeds)
        for i, (name, config) in enumerate(configs.items())
    ]
    for job in jobs:
        job.folder.mkdir()
    if problem.env == REPAIR:
        for job in jobs[:: len(configs)]:
            warm_up(job)
    curves: dict[str, list[list[Point]]] = {name: [] for name in configs}
    with ProcessPoolExecutor(workers) as pool:
        for number, (job, points) in enumerate(zip(jobs, pool.map(run, jobs), strict=True), 1):
            curves[job.name].append(points)
            print(f"\r{problem.env}: {number} of {len(jobs)} runs", end="", file=sys.stderr)
    print(file=sys.stderr)
    return curves


def main() -> int:
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="3 seeds: a few minutes")
    parser.add_argument("--check", action="store_true", help="exit 1 when the target is missed")
    parser.add_argument("--env", choices=list(PROBLEMS), help="only this one")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--workers", type=int, default=2, help="runs at a time")
    options = parser.parse_args()
    seeds = 3 if options.quick else options.seeds
    chosen = [options.env] if options.env else ["Tightrope-v0", "CombinationLock-v0"]
    report: dict[str, Any] = {}
    winners: dict[str, list[str]] = {}
    for env in chosen:
        with tempfile.TemporaryDirectory() as folder:
            curves = measure(PROBLEMS[env], seeds, options.workers, Path(folder))
        found = figures(curves)
        show(env, found, seeds)
        winners[env] = [name for name in GATES if found[name]["ratio"] <= HALF]
        print(f"at most half: {', '.join(winners[env]) or 'none'}")
        report[env] = {
            name: {**of, "curves": [[[p.tokens, p.success] for p in c] for c in curves[name]]}
            for name, of in found.items()
        }
    met = any(winners.values())
    for env, names in winners.items():
        print(f"{env}: the target is {'met' if names else 'missed: no gate saves half'}")
    print(
        json.dumps(
            {
                "benchmark": "teacher_economics",
                "seeds": seeds,
                "environments": plain(report),
                "winners": winners,
                "load": [round(value, 1) for value in os.getloadavg()],
                "target": f"{LEVEL} of the success with {HALF} of the tokens",
                "met": met,
            }
        )
    )
    return 0 if met or not options.check else 1


if __name__ == "__main__":
    sys.exit(main())
