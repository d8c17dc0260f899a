"""Several environments of one kind, stepped at the same time."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self, TypeVar

import gymnasium as gym

T = TypeVar("T")

QUICK = 1e-4
"""Seconds of a call that is not worth handing to a thread, which takes a third of them."""


class EnvPool:
    """Several environments of one kind, stepped at the same time by threads.

    Threads, because a text environment waits for something else: a sandbox, a server, a browser.
    One that waits for nothing (the last calls took under `QUICK` on average) is called without.
    Environments are made when first needed, and closed with the pool.
    """

    def __init__(self, make_env: Callable[[], gym.Env[str, str]], size: int) -> None:
        self._make_env = make_env
        self.size = size
        self._envs: list[gym.Env[str, str] | None] = [None] * size
        self._threads = ThreadPoolExecutor(size, thread_name_prefix="env")
        self._quick = False

    def reset(self, slots: Sequence[int], seeds: Sequence[int]) -> list[tuple[str, dict[str, Any]]]:
        """Reset the environments in these slots, each with its own seed."""

        def one(slot: int, seed: int) -> tuple[str, dict[str, Any]]:
            env = self._envs[slot]
            if env is None:
                env = self._envs[slot] = self._make_env()
            return env.reset(seed=seed)

        return self._each(one, slots, seeds)

    def step(
        self, slots: Sequence[int], actions: Sequence[str]
    ) -> list[tuple[str, float, bool, bool, dict[str, Any]]]:
        """Step the environments in these slots."""

        def one(slot: int, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
            env = self._envs[slot]
            assert env is not None, "step before reset"
            observation, reward, terminated, truncated, info = env.step(action)
            return observation, float(reward), terminated, truncated, info

        return self._each(one, slots, actions)

    def _each(self, call: Callable[..., T], *arguments: Sequence[Any]) -> list[T]:
        def timed(*each: Any) -> tuple[T, float]:
            started = time.perf_counter()
            return call(*each), time.perf_counter() - started

        found = list((map if self._quick else self._threads.map)(timed, *arguments))
        if found:
            self._quick = sum(seconds for _, seconds in found) < QUICK * len(found)
        return [value for value, _ in found]

    def close(self) -> None:
        """Close every environment; safe to call twice."""
        envs, self._envs = self._envs, [None] * self.size
        list(self._threads.map(lambda env: env and env.close(), envs))
        self._threads.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
