"""Every setting of a comparison, with its default: the command line is made from this file."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import tyro

from baselines.grpo import GRPOConfig
from baselines.methods import bundled, get_method
from baselines.sft import SFTConfig
from baselines.sweep import dimensions
from baselines.sweep.dimensions import Environment, Variant, definition, labelled, options
from baselines.sweep.pricing import Scale
from baselines.sweep.settings import overlay, plain
from baselines.sweep.students import StudentConfig
from baselines.sweep.teachers import TeacherConfig
from dagger_algo.dagger import DaggerConfig
from dagger_algo.errors import ConfigError
from dagger_algo.ledger import Budget
from dagger_algo.oec import OECConfig
from dagger_algo.schedules import Beta

_BUNDLED = ", ".join(bundled())


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
    trackers: tuple[str, ...] = ()
    """Experiment trackers that every cell tells its steps and rounds: jsonl (a file in the cell's
    folder), tensorboard, wandb, mlflow, ... as accelerate knows them."""
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
    teacher: TeacherConfig = field(default_factory=TeacherConfig)
    """Who is asked."""
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

    def _at_least_one(self, *names: str) -> None:
        for name in names:
            if getattr(self, name) < 1:
                raise ConfigError(f"--{name.replace('_', '-')} must be at least 1")

    @property
    def folder(self) -> Path:
        """Where this run's files go."""
        return self.out / self.name


PARTS = ("sft", "dagger", "grpo")
"""Parts of pipelines, by the name of their settings."""


@dataclass(frozen=True)
class Compare(Experiment):
    """Train several methods on equal terms and compare them on held-out episodes.

    Every method starts from the same checkpoint, asks the same teacher, may use the same budget of
    environment steps and teacher tokens, and is evaluated greedily on the same held-out episodes.
    Results go to OUT/NAME: report.html, table.md, results.jsonl, and each cell's episodes. The
    same command again goes on where it was stopped; --fresh starts over.

    A sweep over several environments, budgets and schedules is best written as a YAML file, with
    these settings as its keys; options beside it win.
    """

    config: Path | None = None
    """YAML file with settings: `compare sweep.yaml` is `compare --config sweep.yaml`."""
    methods: Annotated[
        tuple[str, ...],
        tyro.conf.arg(
            help="Methods to compare: bundled names, paths of .py files with a method of yours, or "
            "a label and settings, as 'dagger@linear: {beta: {shape: linear, end: 0}}'. Bundled "
            f"are {_BUNDLED}."
        ),
    ] = ("sft", "dagger", "grpo")
    betas: tuple[str, ...] = ()
    """Schedules of β: every method that has one is run with each, as dagger@SCHEDULE. A shape's
    name (linear), or a label and settings."""
    environments: tuple[str, ...] = ()
    """Several environments in place of --env and its options, as
    'short: {id: swe_gym_env:Tightrope-v0, options: {horizon: 4}}'."""
    budgets: tuple[str, ...] = ()
    """Several budgets in place of --budget, as 'small: {env_steps: 500, teacher_tokens: 2000}'."""
    seeds: int = 3
    """Repetitions of every method."""
    first_seed: int = 0
    """The seed of the first repetition; the others count on from it."""
    workers: int = 2
    """Cells trained at the same time, each in a process of its own."""
    ray: str | None = None
    """Run the cells on a Ray cluster: its address, auto for the one that this machine belongs to,
    or local for one on this machine alone. OUT must be seen by all its machines; --workers is then
    the most cells at a time on all of them."""
    dry_run: bool = False
    """Print what would be run and what it would cost, and stop."""
    scale: tyro.conf.Suppress[Scale] = field(default_factory=Scale)
    """What a dry run prices real hardware by; see `baselines/recipes`."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._at_least_one("seeds", "workers")
        if not self.methods:
            raise ConfigError("--methods is empty: name at least one, for example sft dagger grpo")
        self._not_both("environments", "env", "env_options", "train_options", "heldout_options")
        self._not_both("budgets", "budget")
        labelled("environments", self.environment_of)
        labelled("budgets", self.budget_of)
        for label, budget in self.budget_of.items():
            if self.warm_start.teacher_tokens >= budget.teacher_tokens:
                name = "--budget.teacher-tokens" if self.single else f"budget {label!r}"
                raise ConfigError(
                    f"the warm start alone takes {self.warm_start.teacher_tokens} of the budget of "
                    f"{budget.teacher_tokens} teacher tokens: raise {name} or "
                    "lower --warm-start.teacher-tokens"
                )
        labelled("methods", self.variants)

    def _not_both(self, several: str, *single: str) -> None:
        """ConfigError where what is said of a single one would go unheard."""
        defaults = {f.name: f for f in fields(Experiment)}
        for name in single if getattr(self, several) else ():
            default = defaults[name]
            made = default.default_factory
            usual = default.default if made is MISSING else made()
            if getattr(self, name) != usual:
                raise ConfigError(
                    f"both {name} and {several} are given, and only one of them can hold: put what "
                    f"{name} says into each of the {several}"
                )

    @property
    def seed_range(self) -> range:
        """The seeds of the repetitions."""
        return range(self.first_seed, self.first_seed + self.seeds)

    @property
    def single(self) -> bool:
        """One environment and one budget, neither with a label of its own."""
        return not self.environments and not self.budgets

    @cached_property
    def environment_of(self) -> Mapping[str, Environment]:
        """Label -> environment."""
        if not self.environments:
            made = Environment(
                self.env,
                options(self.env_options),
                options(self.train_options),
                options(self.heldout_options),
            )
            return {self.env.rpartition(":")[2].rpartition("/")[2]: made}
        found = _definitions("environments", self.environments)
        return {label: dimensions.environment((label, data)) for label, data in found.items()}

    @cached_property
    def budget_of(self) -> Mapping[str, Budget]:
        """Label -> budget."""
        if not self.budgets:
            return {"default": self.budget}
        found = _definitions("budgets", self.budgets)
        return {label: dimensions.budget((label, data)) for label, data in found.items()}

    @cached_property
    def variants(self) -> Mapping[str, Variant]:
        """Label -> method and the settings that differ from its own; one for each β where there
        are several schedules."""
        schedules = _definitions("betas", self.betas)
        betas = {label: dimensions.beta((label, data)) for label, data in schedules.items()}
        found: dict[str, Variant] = {}
        for text in self.methods:
            label, variant = dimensions.variant(definition(text))
            made = {label: variant}
            if betas and "beta" not in variant.settings and self._has_beta(variant):
                made = {
                    f"{label}@{name}": Variant(variant.method, {**variant.settings, "beta": beta})
                    for name, beta in betas.items()
                }
            if taken := found.keys() & made.keys():
                raise ConfigError(f"--methods names {min(taken)!r} twice: give one another label")
            found |= made
        return found

    def settings_of(self, label: str) -> Any:
        """All settings of the method with this label, its own defaults included."""
        variant = self.variants[label]
        base = self.base(variant.method)
        return overlay(base, variant.settings, keys=(label,)) if variant.settings else base

    def base(self, method: str) -> Any:
        """The settings of a method, by its name or path, where a label says nothing else."""
        found = get_method(method)
        if method.endswith(".py"):
            return found.config
        own = getattr(self, found.name, None)
        if own is not None and type(own) is type(found.config):
            return own
        # Equal terms by default: as many fits and passes as SFT has, and parts as they are alone.
        if hasattr(found.config, "rounds") and hasattr(found.config, "epochs"):
            return replace(found.config, rounds=self.sft.rounds, epochs=self.sft.epochs)
        parts = {name: getattr(self, name) for name in PARTS if hasattr(found.config, name)}
        return replace(found.config, **parts) if parts else found.config

    def _has_beta(self, variant: Variant) -> bool:
        return "beta" in (plain(self.base(variant.method)) or {})


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
    method: Annotated[
        str,
        tyro.conf.arg(help=f"A bundled method ({_BUNDLED}), or the path of a .py file of yours."),
    ] = "dagger"
    seed: int = 0
    """Decides the student's first weights and everything that is drawn."""

    def comparison(self) -> Compare:
        """The comparison that consists of this one run."""
        shared = {field.name: getattr(self, field.name) for field in fields(Experiment)}
        return Compare(**shared, methods=(self.method,), seeds=1, first_seed=self.seed, workers=1)


def _definitions(kind: str, words: Iterable[str]) -> dict[str, Any]:
    """Label -> settings; ConfigError where a label is taken twice."""
    found: dict[str, Any] = {}
    for label, data in map(definition, words):
        if label in found:
            raise ConfigError(f"two {kind} are called {label!r}: give one another label")
        found[label] = data
    return found
