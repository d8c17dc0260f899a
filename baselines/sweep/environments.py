"""The environments of a comparison, made as its settings say."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import gymnasium as gym

from baselines.sweep.config import Compare
from baselines.sweep.dimensions import Environment
from dagger_algo.env_pool import EnvPool


def action_words(env: Environment) -> set[str]:
    """What there is to say, where the environment has it as its attribute `action_words`."""
    made = gym.make(env.id, disable_env_checker=True, **env.given("train"))
    try:
        return set(getattr(made.unwrapped, "action_words", ()))
    finally:
        made.close()


@contextmanager
def reader(env: Environment) -> Iterator[Callable[[str], str | None] | None]:
    """The environment's own method `unreadable`, for as long as the context lasts: from an action
    to what is wrong with it, or None where it can be read. None where there is no such method."""
    made = gym.make(env.id, disable_env_checker=True, **env.given("train"))
    try:
        # A wrapper that changes actions may have a judgement of its own.
        has_it = made.has_wrapper_attr("unreadable")
        yield made.get_wrapper_attr("unreadable") if has_it else None
    finally:
        made.close()


def no_expert(env: Environment) -> str | None:
    """Why the environment has no expert; None where it has one."""
    try:
        made = gym.make(env.id, disable_env_checker=True, expert=True, **env.given("train"))
        try:
            _, info = made.reset(seed=0)
        finally:
            made.close()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None if "expert_action" in info else 'its info says no "expert_action"'


def pool(config: Compare, env: Environment, part: str, expert: bool = False) -> EnvPool:
    """Environments for training ("train") or evaluation ("heldout")."""
    given = env.given(part)
    if expert:
        given["expert"] = True
    # The checker wrapper is for authors of environments; it would say its say in every process.
    made = env.id_of(part)
    return EnvPool(lambda: gym.make(made, disable_env_checker=True, **given), config.envs)
