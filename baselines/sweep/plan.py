"""Which jobs a comparison consists of, what each needs, and what decides its result."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from baselines.methods import fingerprint
from baselines.sweep.config import Compare
from baselines.sweep.dimensions import Environment
from baselines.sweep.settings import plain
from dagger_algo.ledger import Budget

VOCABULARY, WARM = "vocabulary", "warm start"


@dataclass(frozen=True)
class Job:
    """One unit of work. seed: -1 for the vocabulary, which all seeds share; env, budget: labels,
    the budget's "" where all budgets share the job."""

    kind: str  # VOCABULARY, WARM, or the label of a method
    seed: int = -1
    env: str = ""
    budget: str = ""

    def __str__(self) -> str:
        where = ", ".join(part for part in (self.env, self.budget) if part)
        return f"{self.kind}{f', seed {self.seed}' if self.seed >= 0 else ''} ({where})"

    @property
    def cell(self) -> bool:
        """One method with one seed, not what such a cell starts from."""
        return self.kind not in (VOCABULARY, WARM)

    def folder(self, config: Compare) -> Path:
        """Where it writes."""
        root = config.folder if config.single else config.folder / self.env
        if self.kind == VOCABULARY:
            return root / "vocabulary"
        if self.kind == WARM:
            seed = f"seed-{self.seed}"
            return root / (f"{seed}/warm-start" if config.single else f"warm-start/{seed}")
        if not config.single:
            root = root / self.budget
        return root / f"seed-{self.seed}" / self.kind

    def done(self, config: Compare) -> bool:
        """Finished, and not by failing?"""
        path = self.folder(config) / "done.json"
        return path.exists() and json.loads(path.read_text())["status"] == "ok"


def jobs(config: Compare) -> list[Job]:
    """All jobs, what others need first."""
    return [*_shared(config), *cells(config)]


def _shared(config: Compare) -> Iterator[Job]:
    for env in config.environment_of:
        if needs_vocabulary(config):
            yield Job(VOCABULARY, env=env)
    for seed in config.seed_range:
        for env in config.environment_of:
            yield Job(WARM, seed, env)


def cells(config: Compare) -> Iterator[Job]:
    """Environments × budgets × methods × seeds, seed by seed: whenever it is stopped, what is
    there is nearly a comparison with fewer seeds."""
    for seed in config.seed_range:
        for env in config.environment_of:
            for budget in config.budget_of:
                for method in config.variants:
                    yield Job(method, seed, env, budget)


def needs(config: Compare, job: Job) -> list[Job]:
    """What must be done before it can start."""
    if job.cell:
        return [Job(WARM, job.seed, job.env)]
    return [Job(VOCABULARY, env=job.env)] if job.kind == WARM and needs_vocabulary(config) else []


def needs_vocabulary(config: Compare) -> bool:
    """Whether student or teacher are made of what demonstrations show."""
    return config.student.needs_vocabulary or config.teacher.needs_vocabulary


def environment(config: Compare, job: Job) -> Environment:
    """Where the job takes place."""
    return config.environment_of[job.env]


def budget(config: Compare, job: Job) -> Budget:
    """What may be spent; by the warm start, its own tokens alone."""
    if job.budget:
        return config.budget_of[job.budget]
    # An answer is a token at least, and of a teacher that never answers this is the end.
    tokens = max(1, config.warm_start.teacher_tokens)
    return Budget(tokens, tokens)


def configuration(config: Compare, job: Job) -> dict[str, Any]:
    """Everything that decides the job's result, as JSON: neither where it is written nor how many
    processes work."""
    given: dict[str, Any] = {
        "env": environment(config, job),
        "envs": config.envs,
        "student": config.student,
        "teacher": config.teacher,
    }
    if job.kind != VOCABULARY:
        given |= {"warm_start": config.warm_start, "heldout_episodes": config.heldout_episodes}
    if job.cell:
        given |= {"budget": budget(config, job), "method": definition(config, job.kind)}
    decided: dict[str, Any] = json.loads(json.dumps(plain(given)))
    decided["env"].pop("horizon")
    server = decided["teacher"]["server"]  # how patiently it is asked decides nothing
    decided["teacher"]["server"] = {name: server[name] for name in ("extra", "logprobs")}
    return decided


def definition(config: Compare, label: str) -> dict[str, Any]:
    """A method with all its settings, and for one in a file of its own, that file's version."""
    method = config.variants[label].method
    source = fingerprint(method)
    return {
        "method": method,
        "settings": plain(config.settings_of(label)),
        **({"source": source} if source else {}),
    }


def stream_start(seed: int, episodes: int = 0) -> int:
    """The first seed of a run's training environments: far apart, so that no two seeds of a
    comparison train on the same stream of tasks."""
    return 1_000_003 * (seed + 1) + episodes
