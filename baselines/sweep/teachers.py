"""Who is asked: the environment's expert, a model in this process, or a served one."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from dagger_algo.conversation import Conversation
from dagger_algo.errors import ConfigError
from dagger_algo.policies.scripted import ExpertTeacher
from dagger_algo.policies.tabular import TabularPolicy, last_line
from dagger_algo.policy import Policy
from dagger_algo.teachers.checked import Checked
from dagger_algo.teachers.noisy import Noisy
from dagger_algo.tool_calls import tool_call


@dataclass(frozen=True)
class TeacherConfig:
    """Who is asked: the environment's expert, a model in this process, or a served one."""

    kind: Literal["expert", "local", "api"] = "expert"
    """The environment's own expert (`info["expert_action"]`), a checkpoint (local), or a model
    behind an OpenAI-compatible server (api)."""
    checkpoint: str | None = None
    """Folder (or Hub id) of the local teacher."""
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
    tool_calls: bool = False
    """Lose answers in which there is no tool call."""
    error: float = 0.0
    """Probability, at every turn, of another action of the environment in place of the answer."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.error <= 1.0:
            raise ConfigError(f"teacher.error is a probability between 0 and 1, not {self.error}")
        if self.kind == "local" and not self.checkpoint:
            raise ConfigError("a local teacher needs teacher.checkpoint, a folder or a Hub id")
        if self.kind == "api" and not (self.url and self.model):
            raise ConfigError("a served teacher needs teacher.url and teacher.model")

    @property
    def needs_vocabulary(self) -> bool:
        """Whether what it says by mistake must be read off demonstrations."""
        return self.error > 0.0


@contextmanager
def teacher(
    config: TeacherConfig, seed: int, cache: Path, actions: tuple[str, ...], *, closed: bool
) -> Iterator[Policy]:
    """The teacher, for as long as the context lasts.

    cache: where what a served one answered is kept. actions: what there is to say, among which a
    weak teacher errs; closed: a model's other answers are lost, since the student cannot say them.
    """
    with _asked(config, seed, cache) as asked:
        policy: Policy = asked
        if closed and config.kind != "expert":
            policy = Checked(policy, _one_of(actions))
        if config.tool_calls:
            policy = Checked(policy, _no_tool_call)
        if config.error > 0.0:
            policy = Noisy(policy, _another(actions), config.error, seed=seed)
        yield policy


@contextmanager
def _asked(config: TeacherConfig, seed: int, cache: Path) -> Iterator[Policy]:
    if config.kind == "expert":
        yield ExpertTeacher()
    elif config.kind == "local":
        yield _local(config, seed)
    else:
        from dagger_algo.policies.api import ApiConfig, ApiPolicy
        from dagger_algo.policies.api_replies import Prices
        from dagger_algo.teachers.cache import Cached

        assert config.url is not None and config.model is not None
        served = ApiConfig(
            config.url,
            config.model,
            config.key_variable,
            config.system,
            config.temperature,
            config.top_p,
            config.max_tokens,
        )
        prices = Prices(config.price_in, config.price_out)
        with (
            ApiPolicy(served, prices=prices, seed=seed) as policy,
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
    model = LMPolicy.load(config.checkpoint, sampling=sampling, seed=seed)
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


def _no_tool_call(text: str) -> str | None:
    return "There is no tool call in this answer." if tool_call(text) is None else None


def _another(actions: tuple[str, ...]) -> Callable[[Conversation, str, np.random.Generator], str]:
    """A wrong answer: any of the actions but the right one."""

    def wrong(conversation: Conversation, right: str, draws: np.random.Generator) -> str:
        others = [action for action in actions if action != right]
        if not others:
            raise ConfigError("a teacher cannot err where there is one action only")
        return others[int(draws.integers(len(others)))]

    return wrong
