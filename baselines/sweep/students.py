"""Who is trained: a language model or a table, new or as it was saved."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from baselines.sweep.teachers import JSON
from dagger_algo.errors import ConfigError
from dagger_algo.lm.adapters import Lora
from dagger_algo.lm.generate import Sampling
from dagger_algo.lm.learner import LearnerConfig
from dagger_algo.lm.tiny import TinyConfig
from dagger_algo.policies.tabular import TabularPolicy, last_line, last_observation
from dagger_algo.policy import Student

ACTIONS = "actions.json"
_STATES = {"last line": last_line, "last observation": last_observation}


@dataclass(frozen=True)
class TabularConfig:
    """A softmax over a table: milliseconds to train, for toys whose state is a line of text."""

    actions: tuple[str, ...] = ()
    """What it can say; by default the environment's `action_words`, where it has that attribute,
    and what the teacher says in its demonstrations."""
    state: Literal["last line", "last observation"] = "last line"
    """What it looks at."""
    learning_rate: float = 1.0
    """Step of the gradient on log π."""


@dataclass(frozen=True)
class StudentConfig:
    """Who is trained: a tiny transformer from scratch, a checkpoint of yours, or a table."""

    kind: Literal["lm", "tabular"] = "lm"
    """A language model, or a table."""
    checkpoint: str | None = None
    """Folder (or Hub id) of a chat model to start from; without one a tiny model is made."""
    lora: Lora = field(default_factory=lambda: Lora(rank=0))
    """Adapters to train in place of all weights; rank 0 is none."""
    device: str = "cpu"
    """Where the model is: cpu, cuda, cuda:1."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Of a checkpoint's weights; bfloat16 is for weights that adapters leave frozen."""
    template: Annotated[Mapping[str, Any], JSON] = field(default_factory=dict)
    """Variables of the checkpoint's chat template, as {"enable_thinking": false} for Qwen3; by
    default as they were saved with it."""
    tiny: TinyConfig = field(default_factory=TinyConfig)
    """Size of the tiny model."""
    tabular: TabularConfig = field(default_factory=TabularConfig)
    """Settings of the table."""
    tokenizer_episodes: int = 150
    """Teacher episodes whose text the tiny model's tokenizer is built from, and whose actions are
    the table's. The same for all methods and seeds; not counted against the budget."""
    learner: LearnerConfig = field(default_factory=LearnerConfig)
    """How it is fitted."""
    sampling: Sampling = field(default_factory=lambda: Sampling(max_new_tokens=64))
    """How it acts while it collects; evaluation is greedy."""

    def __post_init__(self) -> None:
        if self.lora.rank and self.checkpoint is None:
            raise ConfigError("student.lora needs a student.checkpoint to put adapters on")
        if self.template and self.checkpoint is None:
            raise ConfigError(
                "student.template is for the chat template of a student.checkpoint, and there is "
                "none: leave it out, or name a checkpoint"
            )
        if self.kind == "tabular" and self.checkpoint is not None:
            raise ConfigError("a tabular student starts from no checkpoint: leave one of them out")

    @property
    def needs_vocabulary(self) -> bool:
        """Whether something must be read off demonstrations before there can be a student."""
        if self.kind == "tabular":
            return not self.tabular.actions
        return self.checkpoint is None


def new_student(config: StudentConfig, vocabulary: Path, seed: int) -> Student:
    """An untrained student. vocabulary: folder with the tokenizer, or the actions, that were read
    off demonstrations, where it needs them."""
    if config.kind == "tabular":
        return _table(config, vocabulary, seed)
    from dagger_algo.policies.lm import LMPolicy

    if config.checkpoint is not None:
        lora = config.lora if config.lora.rank else None
        return _load(config, config.checkpoint, seed, lora=lora)
    from transformers import AutoTokenizer

    from dagger_algo.lm.tiny import tiny_model

    tokenizer = AutoTokenizer.from_pretrained(vocabulary)
    model = tiny_model(tokenizer, config.tiny, seed).to(config.device)  # type: ignore[arg-type]
    return LMPolicy(model, tokenizer, **_options(config, seed))


def load_student(
    config: StudentConfig,
    vocabulary: Path,
    seed: int,
    folder: Path,
    step: Callable[[Mapping[str, float], int], None] | None = None,
) -> Student:
    """The student that `Student.save` wrote into `folder`. step: told the figures of every
    optimizer step of a language model, and its number."""
    if config.kind == "tabular":
        table = _table(config, vocabulary, seed)
        table.load(folder)
        return table
    if step is None:
        return _load(config, folder, seed)
    from dagger_algo.lm.distributed import Alone

    return _load(config, folder, seed, processes=Alone(step))


def known_actions(vocabulary: Path) -> tuple[str, ...]:
    """What there is to say, sorted; ConfigError where nothing is known."""
    path = vocabulary / ACTIONS
    found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    if not found:
        raise ConfigError(
            "the actions of this environment are not known, as it has no expert to demonstrate "
            "them: list them in student.tabular.actions"
        )
    return tuple(found)


def _table(config: StudentConfig, vocabulary: Path, seed: int) -> TabularPolicy:
    own = config.tabular
    return TabularPolicy(
        own.actions or known_actions(vocabulary),
        state=_STATES[own.state],
        learning_rate=own.learning_rate,
        seed=seed,
    )


def _load(config: StudentConfig, folder: Path | str, seed: int, **options: Any) -> Student:
    from dagger_algo.policies.lm import LMPolicy

    return LMPolicy.load(
        folder, dtype=config.dtype, device=config.device, **_options(config, seed), **options
    )


def _options(config: StudentConfig, seed: int) -> dict[str, Any]:
    return {
        "learner": config.learner,
        "sampling": config.sampling,
        "seed": seed,
        "template": config.template or None,
    }
