"""The training runs of `teacher_economics.py`: the problems, what may be spent on each, one run."""

import itertools
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import teacher_economics_transformer as transformer

import swe_gym_env  # registers the environments
from dagger_algo.dagger import DaggerConfig, dagger
from dagger_algo.env_pool import EnvPool
from dagger_algo.evaluate import evaluate
from dagger_algo.labels import Labels
from dagger_algo.ledger import Budget, Ledger
from dagger_algo.policies.scripted import ExpertTeacher
from dagger_algo.policies.tabular import TabularPolicy, last_line
from dagger_algo.policy import Student
from dagger_algo.run import Run, Silent
from dagger_algo.schedules import Beta
from dagger_algo.store import EpisodeStore

assert swe_gym_env
FULL = "full DAgger"
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
    "safe:score=novelty",
    "lazy",
    "thrifty",
    "thrifty:score=doubt",
    "thrifty:score=novelty",
    "ensemble",
    "entropy",
    "discrepancy",
    "learned",
)
# Labels for every entry of the table, and environment steps for every label.
PER_STATE, STEPS = 12.5, 4


@dataclass(frozen=True)
class Problem:
    """One environment and what may be spent on it.

    turns: the longest episode. envs: stepped at a time. held: held-out episodes of an evaluation.
    seeds: runs per gate unless told otherwise. names: who runs; all when empty.
    """

    env: str
    budget: Budget
    turns: int
    rounds: int = 20
    envs: int = 1
    held: int = 50
    options: Mapping[str, Any] = field(default_factory=dict)
    seeds: int = 10
    names: tuple[str, ...] = ()

    @property
    def tabular(self) -> bool:
        """Whether its student is a table."""
        return self.env != "RepairToy-v0"


def toy(env: str, states: int, turns: int, **options: Any) -> Problem:
    """A toy whose table has so many entries that matter."""
    labels = round(PER_STATE * states)
    return Problem(env, Budget(STEPS * labels, labels), turns, options=options)


PROBLEMS = {
    "tightrope": toy("Tightrope-v0", 64 + 16, 40),
    "lock": toy("CombinationLock-v0", 16, 8),
    "lock of 80 cues": toy("CombinationLock-v0", 80, 8, cues=80),
    "RepairToy": Problem(
        "RepairToy-v0",
        Budget(2_200, 7_500),
        turns=16,
        rounds=4,
        envs=16,
        held=27,
        seeds=2,
    ),
}
TOYS = ("tightrope", "lock", "lock of 80 cues")
# Of the tiny transformer: tokens of demonstrations that all start from, and passes in each fit.
WARM, EPOCHS = 1_000, 6


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


def configs(problem: Problem) -> dict[str, DaggerConfig]:
    """Every peer and every gate at its defaults, labels only where it asks."""
    # The launcher's T_max of 0/20/100 is for 5 rounds of 100 turns: here it reaches the same share.
    switch = f"switch:step={max(1, problem.turns // problem.rounds)},cap={problem.turns}"
    found = PEERS | {
        name: DaggerConfig(gate=switch if name == "switch" else name, labels=Labels("gate"))
        for name in GATES
    }
    chosen = problem.names or tuple(found)
    return {name: replace(found[name], rounds=problem.rounds) for name in chosen}


@contextmanager
def jobs(problem: Problem, seeds: range) -> Iterator[list[Job]]:
    """All runs, seed after seed, each with a folder of its own; what they start from is made."""
    with tempfile.TemporaryDirectory(prefix="teacher-economics-") as root:
        made = [
            Job(name, config, problem, seed, Path(root, f"{seed}-{i}"))
            for seed in seeds
            for i, (name, config) in enumerate(configs(problem).items())
        ]
        for job in made:
            job.folder.mkdir()
        if not problem.tabular:
            for seed in seeds:
                transformer.warm_up(problem.env, WARM, problem.envs, seed, Path(root))
        yield made


def run(job: Job) -> list[Point]:
    """Train; one point per round."""
    problem, log = job.problem, Silent()
    ledger, config = Ledger(problem.budget), job.config
    student: Student
    if problem.tabular:
        made = gym.make(problem.env, **problem.options)
        words = made.unwrapped.action_words  # type: ignore[attr-defined]
        student = TabularPolicy(words, state=last_line, seed=job.seed)
        options = dict(problem.options)
    else:
        student = transformer.start(job.folder, job.seed, ledger)
        config, options = replace(config, epochs=EPOCHS), transformer.OPTIONS
    with (
        EnvPool(lambda: gym.make(problem.env, expert=True, **options), problem.envs) as pool,
        EnvPool(
            lambda: gym.make(problem.env, split="heldout", **options), max(4, problem.envs)
        ) as held,
        EpisodeStore(job.folder / "episodes.jsonl") as store,
    ):
        training = Run(
            student,
            ExpertTeacher(),
            pool,
            itertools.count(1_000_003 * (job.seed + 1) + ledger.episodes),
            lambda student: evaluate(student, held, range(problem.held))[0],
            store,
            ledger,
            job.seed,
            log,
        )
        dagger(training, config)
    return [Point(r["teacher_tokens"], r["success"], r["env_steps"]) for r in log.rounds]
