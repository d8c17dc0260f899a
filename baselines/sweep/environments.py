"""The environments of a comparison, made as its settings say."""

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


def tool_format(env: Environment) -> str | None:
    """What tool calls are written in: as the options name it, else as the environment does with
    its attribute `tool_format`; None where neither says it."""
    given = env.given("train")
    if "tool_format" in given:
        return str(given["tool_format"])
    made = gym.make(env.id, disable_env_checker=True, **given)
    try:
        return getattr(made.unwrapped, "tool_format", None)
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
