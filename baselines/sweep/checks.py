"""Whatever can be known to fail, refused in a sentence before anything starts."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import gymnasium as gym

from baselines.distillation import DistillationConfig
from baselines.methods import get_method
from baselines.sweep.config import Compare
from baselines.sweep.environments import no_expert
from dagger_algo.dagger import DaggerConfig
from dagger_algo.errors import ConfigError
from dagger_algo.gates.spec import make_gate
from dagger_algo.policies.tabular import TabularPolicy
from dagger_algo.trackers import check_trackers


def check(config: Compare) -> None:
    """ConfigError for a comparison that cannot work; environments are made to see."""
    methods = {label: get_method(variant.method) for label, variant in config.variants.items()}
    for label in methods:
        config.settings_of(label)
    if config.teacher.stages and config.student.kind == "tabular":
        raise ConfigError(
            "teacher.stages puts a line before each answer, and a tabular student says the "
            "environment's own actions alone: leave it out, or train a language model"
        )
    _refuse_mute_teacher(config)
    _refuse_unfit_gates(config)
    check_trackers(config.trackers)
    for name, checkpoint in (
        ("checkpoint", config.student.checkpoint),
        ("teacher's checkpoint", config.teacher.checkpoint),
    ):
        if checkpoint and checkpoint.startswith((".", "/")) and not Path(checkpoint).is_dir():
            raise ConfigError(f"there is no {name} at {checkpoint}; name a folder or a Hub id")
    for env in config.environment_of.values():
        for part in ("train", "heldout"):
            name = env.id_of(part)
            try:
                made = gym.make(name, **env.given(part))
                made.close()
            except Exception as error:
                raise ConfigError(f"cannot make the environment {name}: {error}") from error
            _require_texts(name, made)
        if config.teacher.kind != "expert":
            continue
        missing = no_expert(env)
        if missing is not None and all(method.needs_teacher for method in methods.values()):
            learn = "learns" if len(methods) == 1 else "learn"
            raise ConfigError(
                f"{env.id} has no expert ({missing}), and {_and(methods)} {learn} from one: "
                "give the environment an expert, set teacher.kind, or compare methods that need "
                "no teacher (grpo)"
            )


def doubts(config: Compare) -> list[str]:
    """What may fail and cannot be known before, as sentences: budgets that the warm start may use
    up, since all environments are answered at once and a token is the least that an answer is."""
    warm = config.warm_start.teacher_tokens
    return [
        f"The warm start's {warm:,} teacher tokens may be passed by an answer in each of the "
        f"{config.envs} environments, and the budget {label!r} has {budget.teacher_tokens - warm:,}"
        " more: where that leaves nothing, its cells fail. Raise the budget, or lower --envs or "
        "--warm-start.teacher-tokens."
        for label, budget in config.budget_of.items()
        if warm and budget.teacher_tokens - warm < config.envs
    ]


def _require_texts(name: str, env: gym.Env[Any, Any]) -> None:
    for what in ("observation", "action"):
        space = getattr(env, f"{what}_space", None)
        if not isinstance(space, gym.spaces.Text):
            raise ConfigError(
                f"{name} is no text environment: its {what} space is {space!r:.80}, and students "
                "here read and write text; wrap it in an environment whose observations and "
                "actions are gymnasium.spaces.Text"
            )


def _refuse_mute_teacher(config: Compare) -> None:
    """On-policy distillation, and DAgger with another loss than cross-entropy, ask what a teacher
    thinks of the student's tokens; only a model in this process, or a table, can say."""
    asking = [label for label in config.variants if _asks_opinions(config.settings_of(label))]
    teacher = config.teacher
    weakened = teacher.error > 0.0 or teacher.sees is not None or teacher.stages
    if asking and (teacher.kind != "local" or weakened):
        who = "a changed or weakened one" if teacher.kind == "local" else f"the {teacher.kind} kind"
        raise ConfigError(
            f"{_and(asking)} {'needs' if len(asking) == 1 else 'need'} a teacher that gives "
            f"log-probabilities of the student's tokens, and {who} gives none: set teacher.kind "
            "local with a teacher.checkpoint (without error, sees or stages), or compare methods "
            "that learn from labels (sft, dagger with the loss cross_entropy)"
        )


def _asks_opinions(settings: Any) -> bool:
    dagger = getattr(settings, "dagger", settings)  # of a pipeline
    if isinstance(dagger, DaggerConfig):
        return dagger.loss != "cross_entropy"
    return isinstance(settings, DistillationConfig)


def _refuse_unfit_gates(config: Compare) -> None:
    """A table has neither hidden states nor dropout: gates say so themselves when they are made."""
    if config.student.kind != "tabular":
        return
    for label in config.variants:
        settings = config.settings_of(label)
        dagger = getattr(settings, "dagger", settings)  # of a pipeline
        if isinstance(dagger, DaggerConfig):
            try:
                make_gate(dagger.gate, student=TabularPolicy(("any", "other")))
            except ConfigError as error:
                raise ConfigError(f"{label}: {error}") from error


def _and(names: Iterable[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
