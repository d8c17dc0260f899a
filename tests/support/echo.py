"""Distillation in seconds: an environment of digits, and tiny transformers that share tokens."""

import contextlib
import functools
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium as gym

from dagger_algo.checkpoints import Checkpoints
from dagger_algo.collect import collect
from dagger_algo.env_pool import EnvPool
from dagger_algo.evaluate import evaluate
from dagger_algo.examples import imitate
from dagger_algo.gates.mixture import TEACHER_ONLY
from dagger_algo.ledger import Budget, Ledger
from dagger_algo.lm.learner import LearnerConfig
from dagger_algo.lm.sampling import Sampling
from dagger_algo.policies.lm import LMPolicy
from dagger_algo.policies.scripted import ExpertTeacher
from dagger_algo.policy import Policy, Student
from dagger_algo.run import Log, Run, Silent
from dagger_algo.store import EpisodeStore
from dagger_algo.teachers.lm import LMTeacher

TURNS = 3


class Echo(gym.Env[str, str]):
    """Say the digit that you are shown, three times; pays 1 when all were right."""

    def __init__(self, expert: bool = False) -> None:
        self.observation_space = gym.spaces.Text(1000)
        self.action_space = gym.spaces.Text(1000)
        self.expert = expert

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[str, dict[str, Any]]:
        super().reset(seed=seed)
        self._digits = [str(d) for d in self.np_random.integers(0, 4, TURNS)]
        self._turn, self._right = 0, 0
        return self._look()

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        self._right += action == self._digits[self._turn]
        self._turn += 1
        if self._turn == TURNS:
            return "over", float(self._right == TURNS), True, False, {}
        observation, info = self._look()
        return observation, 0.0, False, False, info

    def _look(self) -> tuple[str, dict[str, Any]]:
        digit = self._digits[self._turn]
        return f"say {digit}", {"expert_action": digit} if self.expert else {}


def tokenizer(*others: str) -> Any:
    """A tokenizer of the environment's words, and of other texts."""
    from dagger_algo.lm.tiny import train_tokenizer

    texts = [f"say {d}\nwith\tcare\n" for d in range(4)] + [str(d) for d in range(4)]
    return train_tokenizer([*texts, *others], 300)


def echo_policy(tokens: Any, *, seed: int = 0, warmup: int = 1) -> LMPolicy:
    """An untrained tiny transformer."""
    from dagger_algo.lm.tiny import TinyConfig, tiny_model

    model = tiny_model(tokens, TinyConfig(width=32, layers=2, heads=2), seed=seed)
    learner = LearnerConfig(learning_rate=1e-2, warmup_steps=warmup, batch_tokens=256)
    return LMPolicy(model, tokens, learner=learner, sampling=Sampling(max_new_tokens=3), seed=seed)


def taught(policy: LMPolicy, episodes: int = 80, epochs: int = 8) -> LMPolicy:
    """The policy after a fit to the expert's demonstrations."""
    expert = ExpertTeacher()
    with EnvPool(lambda: Echo(expert=True), 8) as pool:
        found = list(collect(pool, range(episodes), expert, gate=TEACHER_ONLY, teacher=expert))
    policy.update(imitate(found), epochs=epochs)
    return policy


@functools.cache
def echo_teacher() -> LMTeacher:
    """One that knows the answers, with the tokens of `tokenizer()`; made once, never trained."""
    return LMTeacher(taught(echo_policy(tokenizer(), seed=7)), greedy=True)


def echo_beginner(warmup: int = 1) -> LMPolicy:
    """A student that saw a few demonstrations, always the same. warmup: steps of each fit."""
    return taught(echo_policy(tokenizer(), seed=1, warmup=warmup), 20, 2)


@contextlib.contextmanager
def echo_run(
    folder: Path,
    student: Student,
    teacher: Policy | None,
    budget: Budget,
    *,
    log: Log | None = None,
    checkpoints: Path | None = None,
    episodes: int = 20,
) -> Iterator[Run]:
    """A run whose episodes go to `folder`."""
    with (
        EnvPool(lambda: Echo(expert=True), 8) as pool,
        EnvPool(Echo, 8) as held,
        EpisodeStore(folder / "episodes.jsonl") as store,
    ):
        yield Run(
            student,
            teacher,
            pool,
            itertools.count(1000),
            lambda policy: evaluate(policy, held, range(episodes))[0],
            store,
            Ledger(budget),
            log=log or Silent(),
            checkpoints=Checkpoints(checkpoints) if checkpoints else None,
        )
