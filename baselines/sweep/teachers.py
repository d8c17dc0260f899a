"""Who is asked: the environment's expert, a model in this process, or a served one."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import tyro

from dagger_algo.conversation import Conversation
from dagger_algo.errors import ConfigError
from dagger_algo.policies.api_asking import Asking
from dagger_algo.policies.scripted import ExpertTeacher
from dagger_algo.policies.tabular import TabularPolicy, last_line
from dagger_algo.policy import Policy
from dagger_algo.teachers.checked import Checked
from dagger_algo.teachers.noisy import Noisy
from dagger_algo.teachers.partial import Partial, newest
from dagger_algo.teachers.staged import Staged

if TYPE_CHECKING:
    from dagger_algo.policies.api import ApiConfig


def _fields_of(words: list[str]) -> Mapping[str, Any]:
    found = json.loads(words[0])
    if not isinstance(found, dict):
        raise ValueError(f'expected a JSON object, as {{"seed": null}}, not {words[0]}')
    return found


JSON = tyro.constructors.PrimitiveConstructorSpec[Mapping[str, Any]](
    nargs=1,
    metavar="JSON",
    instance_from_str=_fields_of,
    is_instance=lambda value: isinstance(value, Mapping),
    str_from_instance=lambda value: [json.dumps(dict(value))],
)


@dataclass(frozen=True, kw_only=True)
class Server(Asking):
    """How a served teacher's server is asked."""

    extra: Annotated[Mapping[str, Any], JSON] = field(default_factory=dict)
    """Further fields of each request, as this server knows them; null leaves one of the usual out:
    {"seed": null, "max_tokens": null, "max_completion_tokens": 2048}."""


@dataclass(frozen=True)
class TeacherConfig:
    """Who is asked: the environment's expert, a model in this process, or a served one."""

    kind: Literal["expert", "local", "api"] = "expert"
    """The environment's own expert (`info["expert_action"]`), a checkpoint (local), or a model
    behind an OpenAI-compatible server (api)."""
    checkpoint: str | None = None
    """Folder (or Hub id) of the local teacher."""
    template: Annotated[Mapping[str, Any], JSON] = field(default_factory=dict)
    """Variables of the local teacher's chat template, as {"enable_thinking": false} for Qwen3; by
    default as they were saved with it."""
    url: str | None = None
    """Base of the served teacher's interface, as http://localhost:8000/v1."""
    model: str | None = None
    """The served teacher's name at its server."""
    key_variable: str = "OPENAI_API_KEY"
    """Environment variable with the key for the server."""
    system: str | None = None
    """System prompt of the served teacher."""
    temperature: float = 0.7
    """0 is greedy."""
    top_p: float = 0.9
    """Nucleus that is sampled from."""
    max_tokens: int = 1024
    """Longest answer, in the teacher's tokens."""
    price_in: float = 0.0
    """Price of a million tokens of questions, in any currency."""
    price_out: float = 0.0
    """Price of a million tokens of answers."""
    price_cached: float | None = None
    """Price of a million tokens of questions that the server had already read; None: as any."""
    server: Server = field(default_factory=Server)
    """How a served teacher's server is asked."""
    unchecked: bool = False
    """Take any answer of a model as a label. Otherwise one that the environment says it cannot read
    (by its method `unreadable`, if it has one) is lost."""
    stages: bool = False
    """Say the stage of the work on a line before each answer ("Stage: Verification"); for
    environments that allow words before an action, as those with tool calls do."""
    sees: int | None = None
    """A weak model: it is shown the instruction and this many of the newest turns."""
    error: float = 0.0
    """Probability, at every turn, of another action of the environment in place of the answer."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.error <= 1.0:
            raise ConfigError(f"teacher.error is a probability between 0 and 1, not {self.error}")
        if self.kind == "local" and not self.checkpoint:
            raise ConfigError("a local teacher needs teacher.checkpoint, a folder or a Hub id")
        if self.template and self.kind != "local":
            raise ConfigError(
                f"teacher.template is for a local teacher, and teacher.kind is {self.kind}: leave "
                "it out"
            )
        if self.kind == "api" and not (self.url and self.model):
            raise ConfigError("a served teacher needs teacher.url and teacher.model")
        if self.sees is not None:
            newest(self.sees)
            if self.kind == "expert":
                raise ConfigError(
                    "the environment's expert sees all that the environment tells it: leave "
                    "teacher.sees out, and give the environment an option that blinds its expert, "
                    "where it has one (--env-options expert_sees=... of the toys)"
                )
        if self.kind == "api":
            self.served()

    def served(self) -> "ApiConfig":
        """How the served teacher is asked; ConfigError for a setting that no server takes."""
        from dagger_algo.policies.api import ApiConfig

        assert self.url is not None and self.model is not None
        return ApiConfig(
            self.url,
            self.model,
            self.key_variable,
            self.system,
            self.temperature,
            self.top_p,
            self.max_tokens,
            **{asked.name: getattr(self.server, asked.name) for asked in fields(Asking)},
        )

    def staged(self, policy: Policy) -> Policy:
        """The policy, naming stages where this teacher does."""
        return Staged(policy) if self.stages else policy

    @property
    def must_be_readable(self) -> bool:
        """Whether answers that the environment cannot read are lost; its own expert may do as it
        likes."""
        return self.kind != "expert" and not self.unchecked

    @property
    def needs_vocabulary(self) -> bool:
        """Whether what it says by mistake must be read off demonstrations."""
        return self.error > 0.0


@contextmanager
def teacher(
    config: TeacherConfig,
    seed: int,
    cache: Path,
    actions: tuple[str, ...],
    *,
    closed: bool,
    unreadable: Callable[[str], str | None] | None,
) -> Iterator[Policy]:
    """The teacher, for as long as the context lasts.

    cache: where what a served one answered is kept. actions: what there is to say, among which a
    weak teacher errs; closed: a model's other answers are lost, since the student cannot say them.
    unreadable: from an answer to what is wrong with it, if anything is: such a one is lost. None
    where anything goes.
    """
    with _asked(config, seed, cache) as asked:
        policy: Policy = asked
        if config.sees is not None:
            policy = Partial(policy, newest(config.sees))
        if closed and config.kind != "expert":
            policy = Checked(policy, _one_of(actions), reason="not among the student's actions")
        if unreadable is not None:
            policy = Checked(policy, unreadable, reason="unreadable by the environment")
        if config.error > 0.0:
            policy = Noisy(policy, _another(actions), config.error, seed=seed)
        yield config.staged(policy)


@contextmanager
def _asked(config: TeacherConfig, seed: int, cache: Path) -> Iterator[Policy]:
    if config.kind == "expert":
        yield ExpertTeacher()
    elif config.kind == "local":
        yield _local(config, seed)
    else:
        from dagger_algo.policies.api import ApiPolicy
        from dagger_algo.policies.api_replies import Prices
        from dagger_algo.teachers.cache import Cached

        prices = Prices(config.price_in, config.price_out, config.price_cached)
        with (
            ApiPolicy(config.served(), prices=prices, seed=seed) as policy,
            Cached(policy, cache, policy.identity) as cached,
        ):
            yield cached


def _local(config: TeacherConfig, seed: int) -> Policy:
    assert config.checkpoint is not None
    table = Path(config.checkpoint) / "table.json"
    if table.exists():  # what a tabular student of another comparison was saved as
        policy = TabularPolicy(
            json.loads(table.read_text(encoding="utf-8"))["actions"], state=last_line, seed=seed
        )
        policy.load(table.parent)
        return _Sure(policy) if config.temperature == 0 else policy
    from dagger_algo.lm.sampling import Sampling
    from dagger_algo.policies.lm import LMPolicy
    from dagger_algo.teachers.lm import LMTeacher

    sampling = Sampling(config.temperature, config.max_tokens, config.top_p)
    model = LMPolicy.load(
        config.checkpoint, sampling=sampling, seed=seed, template=config.template or None
    )
    return LMTeacher(model, greedy=config.temperature == 0)


class _Sure:
    """A table that says its likeliest action, and has the opinions of the table."""

    def __init__(self, table: TabularPolicy) -> None:
        self.act = table.greedy().act
        self.score = table.score
        self.opinions = table.opinions


def _one_of(actions: tuple[str, ...]) -> Callable[[str], str | None]:
    known = frozenset(actions)
    return lambda text: None if text in known else "Answer with one of: " + ", ".join(actions)


def _another(actions: tuple[str, ...]) -> Callable[[Conversation, str, np.random.Generator], str]:
    """A wrong answer: any of the actions but the right one."""

    def wrong(conversation: Conversation, right: str, draws: np.random.Generator) -> str:
        others = [action for action in actions if action != right]
        if not others:
            raise ConfigError("a teacher cannot err where there is one action only")
        return others[int(draws.integers(len(others)))]

    return wrong
