"""What holds for every toy."""

import pickle
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AsyncVectorEnv, SyncVectorEnv

from swe_gym_env.errors import OptionError
from swe_gym_env.toys import Cliff, CombinationLock, Corridor, KeyDoorTree, Tightrope

Toy = gym.Env[str, str]
TOYS: list[tuple[Callable[..., Toy], dict[str, Any]]] = [
    (Tightrope, {}),
    (Tightrope, {"recoverable": False}),
    (CombinationLock, {}),
    (CombinationLock, {"forgiving": True}),
    (Corridor, {}),
    (Corridor, {"error_cost": 3}),
    (Cliff, {}),
    (Cliff, {"aftermath": 0}),
    (KeyDoorTree, {}),
    (KeyDoorTree, {"depth": 3, "branching": 2}),
]
every_toy = pytest.mark.parametrize(("make", "options"), TOYS)


def play(env: Toy, seed: int, plan: list[str] | None = None) -> tuple[list[str], float]:
    """The observations and the return: `plan` first, then the expert."""
    observation, info = env.reset(seed=seed)
    seen, total, over = [observation], 0.0, False
    for turn in range(10_000):
        action = plan[turn] if plan and turn < len(plan) else info["expert_action"]
        observation, reward, terminated, truncated, info = env.step(action)
        seen.append(observation)
        total += float(reward)
        if over := terminated or truncated:
            break
    assert over
    return seen, total


@every_toy
@pytest.mark.filterwarnings("error")
def test_check_env_has_nothing_to_say(make: Callable[..., Toy], options: dict[str, Any]) -> None:
    check_env(make(**options, expert=True), skip_render_check=True)


@every_toy
@pytest.mark.parametrize("split", ["train", "heldout"])
def test_the_expert_always_succeeds(
    make: Callable[..., Toy], options: dict[str, Any], split: str
) -> None:
    env = make(**options, split=split, expert=True)
    assert all(play(env, seed)[1] == 1.0 for seed in range(30))


@every_toy
def test_the_same_seed_gives_the_same_episode(
    make: Callable[..., Toy], options: dict[str, Any]
) -> None:
    one, other = make(**options, expert=True), make(**options, expert=True)
    assert play(one, 5, ["no such word"]) == play(other, 5, ["no such word"])
    assert play(one, 5) == play(other, 5)
    assert one.reset()[0] == other.reset()[0]
    assert play(one, 5) != play(one, 6)


@every_toy
def test_train_and_heldout_share_no_task(make: Callable[..., Toy], options: dict[str, Any]) -> None:
    train, heldout = make(**options), make(**options, split="heldout")
    assert train.reset(seed=1)[1]["task"] != heldout.reset(seed=1)[1]["task"]
    rounds = [
        {play(make(**options, split=s, expert=True), n)[0][1] for n in range(9)}
        for s in ("train", "heldout")
    ]
    assert rounds[0] != rounds[1]


@every_toy
def test_expert_actions_are_told_only_when_asked_for(
    make: Callable[..., Toy], options: dict[str, Any]
) -> None:
    env = make(**options)
    assert "expert_action" not in env.reset(seed=0)[1]
    assert "expert_action" not in env.step("x")[4]


@every_toy
def test_an_unknown_word_is_answered_with_the_words(
    make: Callable[..., Toy], options: dict[str, Any]
) -> None:
    env = make(**options)
    for action in ("please go on", "\ud800" * 1000, "", "\x00\U000e0001" * 100):
        words = env.reset(seed=0)[0].splitlines()[-2].partition(": ")[2]
        observation = env.step(action)[0]
        assert observation.splitlines()[0].endswith(words)
        assert observation in env.observation_space


@every_toy
def test_space_around_a_word_is_forgiven(make: Callable[..., Toy], options: dict[str, Any]) -> None:
    env = make(**options, expert=True)
    _, info = env.reset(seed=0)
    answer = env.step(f"  {info['expert_action']}\n")
    assert answer[4].get("slips", answer[4].get("mistakes")) == 0


@every_toy
def test_a_step_before_reset_or_after_the_end_is_refused(
    make: Callable[..., Toy], options: dict[str, Any]
) -> None:
    env = make(**options, expert=True)
    with pytest.raises(gym.error.ResetNeeded):
        env.step("x")
    play(env, 0)
    with pytest.raises(gym.error.ResetNeeded):
        env.step("x")


@every_toy
def test_toys_run_in_vector_environments_and_can_be_pickled(
    make: Callable[..., Toy], options: dict[str, Any]
) -> None:
    makers = [lambda: make(**options)] * 2
    alone = [make(**options).reset(seed=seed)[0] for seed in (3, 4)]
    for envs in (SyncVectorEnv(makers), AsyncVectorEnv(makers)):
        assert list(envs.reset(seed=[3, 4])[0]) == alone
        envs.step(("x", "y"))
        envs.close()
    assert pickle.loads(pickle.dumps(make(**options))).reset(seed=3)[0] == alone[0]


@pytest.mark.parametrize(
    ("make", "options", "complaint"),
    [
        (Tightrope, {"horizon": 0}, "horizon must be a whole number of 1 or more, not 0"),
        (Tightrope, {"actions": 1}, "actions must be a whole number of 2 or more"),
        (Tightrope, {"zipf": -1.0}, "zipf must be 0 or more"),
        (Tightrope, {"max_turns": 3}, "max_turns must be a whole number of 20 or more"),
        (Tightrope, {"split": "test"}, 'split must be "train" or "heldout", not \'test\''),
        (Tightrope, {"cues": 9999}, "must be 4900 or fewer"),
        (CombinationLock, {"length": 2.5}, "length must be a whole number"),
        (CombinationLock, {"symbols": "six"}, "symbols must be a whole number of 2 or more"),
        (CombinationLock, {"horizon": 0}, "horizon must be a whole number of 1 or more"),
        (CombinationLock, {"actions": 1}, "actions must be a whole number of 2 or more"),
        (Corridor, {"error_cost": -1}, "error_cost must be a whole number of 0 or more, not -1"),
        (Corridor, {"cues": 4899}, r"cues \+ actions must be 4900 or fewer"),
        (Cliff, {"aftermath": -1}, "aftermath must be a whole number of 0 or more"),
        (KeyDoorTree, {"branching": 1}, "branching must be a whole number of 2 or more"),
        (KeyDoorTree, {"depth": 13}, "must be 4096 or fewer"),
        (KeyDoorTree, {"cues": 3}, "cues must be a whole number of 4 or more"),
        (
            CombinationLock,
            {"forgiving": True, "max_turns": 7},
            "max_turns must be a whole number of 8 or more",
        ),
    ],
)
def test_options_out_of_range_are_refused(
    make: Callable[..., Toy], options: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(OptionError, match=complaint):
        make(**options)
