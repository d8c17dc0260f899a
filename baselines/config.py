"""Every setting of a comparison, with its default: the command line is made from this file."""

import itertools
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from baselines.grpo import GRPOConfig
from baselines.sft import SFTConfig
from dagger_algo.dagger import DaggerConfig
from dagger_algo.errors import ConfigError
from dagger_algo.ledger import Budget
from dagger_algo.lm.generate import Sampling
from dagger_algo.lm.learner import LearnerConfig
from dagger_algo.lm.tiny import TinyConfig
from dagger_algo.oec import OECConfig
from dagger_algo.schedules import Beta


@dataclass(frozen=True)
class StudentConfig:
    """Who is trained: a tiny transformer from scratch, or a checkpoint of yours."""

    checkpoint: str | None = None
    """Folder (or Hub id) of a chat model to start from; without one a tiny model is made."""
    tiny: TinyConfig = field(default_factory=TinyConfig)
    """Size of the tiny model."""
    tokenizer_episodes: int = 150
    """Teacher episodes whose text the tiny model's tokenizer is built from. The same tokenizer
    serves all methods and seeds; it is not counted against the budget."""
    learner: LearnerConfig = field(default_factory=LearnerConfig)
    """How it is fitted."""
    sampling: Sampling = field(default_factory=lambda: Sampling(max_new_tokens=64))
    """How it acts while it collects; evaluation is greedy."""


@dataclass(frozen=True)
class WarmStart:
    """A short SFT that every method starts from, because reinforcement learning from nothing is a
    straw man. One per seed; what it costs counts for every method."""

    teacher_tokens: int = 3_000
    """Demonstrations, in tokens of the teacher's actions; 0 is a cold start."""
    epochs: int = 8
    """Passes over them."""


@dataclass(frozen=True)
class Experiment:
    """Where a student is trained, on what, and how much it may cost."""

    name: str = "compare"
    """Name of the run: its folder under OUT."""
    out: Path = Path("runs")
    """Where runs are kept."""
    fresh: bool = False
    """Move an earlier run of this name aside and start over."""
    threads: int = 1
    """Threads of torch in each process."""
    env: str = "swe_gym_env:RepairToy-v0"
    """A Gymnasium id (module:id imports the module that registers it) of a text environment."""
    train_options: tuple[str, ...] = ("split=train",)
    """Options of the training environments, as NAME=VALUE (a value is JSON, else text)."""
    heldout_options: tuple[str, ...] = ("split=heldout",)
    """Options of the held-out environments."""
    env_options: tuple[str, ...] = ("modules=2", "tool_format=bash_block")
    """Options of both. By default two of RepairToy's packages, as much as the tiny student can
    learn in minutes, and the shell alone as its tool."""
    envs: int = 16
    """Environments that a cell steps at the same time."""
    heldout_episodes: int = 27
    """Held-out episodes of each evaluation: seeds 0, 1, 2, ... of the held-out environment."""
    budget: Budget = field(default_factory=lambda: Budget(env_steps=3_000, teacher_tokens=11_000))
    """What each method may use in training."""
    warm_start: WarmStart = field(default_factory=WarmStart)
    """The common start."""
    student: StudentConfig = field(default_factory=StudentConfig)
    """Who is trained."""
    sft: SFTConfig = field(default_factory=lambda: SFTConfig(rounds=2, epochs=8))
    """Settings of SFT."""
    dagger: DaggerConfig = field(
        default_factory=lambda: DaggerConfig(rounds=2, epochs=8, beta=Beta("floor", 0.8, 0.6))
    )
    """Settings of DAgger. The warm start is its round with β = 1, so β goes on from 0.8."""
    oec: OECConfig = field(default_factory=lambda: OECConfig(rounds=2, epochs=8))
    """Settings of OEC."""
    grpo: GRPOConfig = field(default_factory=GRPOConfig)
    """Settings of GRPO."""

    def __post_init__(self) -> None:
        self._at_least_one("envs", "heldout_episodes", "threads")
        if not self.name or "/" in self.name or self.name.startswith("."):
            raise ConfigError(f"--name {self.name!r} must be a plain folder name")
        if 0 < self.budget.teacher_tokens <= self.warm_start.teacher_tokens:
            raise ConfigError(
                f"the warm start alone takes {self.warm_start.teacher_tokens} of the budget of "
                f"{self.budget.teacher_tokens} teacher tokens: raise --budget.teacher-tokens or "
                "lower --warm-start.teacher-tokens"
            )

    def _at_least_one(self, *names: str) -> None:
        for name in names:
            if getattr(self, name) < 1:
                raise ConfigError(f"--{name.replace('_', '-')} must be at least 1")

    @property
    def folder(self) -> Path:
        """Where this run's files go."""
        return self.out / self.name

    def settings(self) -> dict[str, Any]:
        """What decides the results, as JSON: not where they go nor how many processes work."""
        shared = {field.name for field in fields(Experiment)}
        shared -= {"out", "fresh", "name", "threads"}
        data = {name: value for name, value in asdict(self).items() if name in shared}
        plain: dict[str, Any] = json.loads(json.dumps(data))
        return plain


@dataclass(frozen=True)
class Compare(Experiment):
    """Train several methods on equal terms and compare them on held-out episodes.

    Every method starts from the same checkpoint, asks the same teacher, may use the same budget of
    environment steps and teacher tokens, and is evaluated greedily on the same held-out episodes.
    Results go to OUT/NAME: report.html, table.md, results.jsonl, and each cell's episodes. The
    same command again goes on where it was stopped; --fresh starts over.
    """

    methods: tuple[str, ...] = ("sft", "dagger", "grpo")
    """Methods to compare: bundled names, or paths of .py files with a method of yours."""
    seeds: int = 3
    """Repetitions of every method."""
    first_seed: int = 0
    """The seed of the first repetition; the others count on from it."""
    workers: int = 2
    """Cells trained at the same time, each in a process of its own."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._at_least_one("seeds", "workers")
        if not self.methods:
            raise ConfigError("--methods is empty: name at least one, for example sft dagger grpo")
        if len(set(self.methods)) < len(self.methods):
            raise ConfigError("--methods names a method twice")

    @property
    def seed_range(self) -> range:
        """The seeds of the repetitions."""
        return range(self.first_seed, self.first_seed + self.seeds)


@dataclass(frozen=True)
class Train(Experiment):
    """Train one student by one method: collect, label, fit and evaluate, round after round.

    OUT/NAME gets report.html, and in seed-SEED/METHOD the checkpoint, rounds.jsonl and every
    episode. The same command again goes on where it was stopped, in the middle of a round too.
    """

    name: str = "train"
    """Name of the run: its folder under OUT."""
    threads: int = field(default_factory=lambda: os.cpu_count() or 1)
    """Threads of torch; all of the machine's unless told otherwise."""
    method: str = "dagger"
    """A bundled method (sft, dagger, oec, grpo), or the path of a .py file of yours."""
    seed: int = 0
    """Decides the student's first weights and everything that is drawn."""

    def comparison(self) -> Compare:
        """The comparison that consists of this one run."""
        shared = {field.name: getattr(self, field.name) for field in fields(Experiment)}
        return Compare(**shared, methods=(self.method,), seeds=1, first_seed=self.seed, workers=1)


def options(*parts: Iterable[str]) -> dict[str, Any]:
    """Environment options from NAME=VALUE words; a later one wins. ConfigError without a "="."""
    merged: dict[str, Any] = {}
    for word in itertools.chain(*parts):
        name, equals, value = word.partition("=")
        if not equals:
            raise ConfigError(f"environment options are NAME=VALUE, and {word!r} is not")
        try:
            merged[name] = json.loads(value)
        except ValueError:
            merged[name] = value
    return merged
