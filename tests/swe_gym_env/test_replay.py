"""A recorded episode comes again, or the first turn that differs is named."""

import json
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest
from hypothesis import given
from hypothesis import strategies as st

import swe_gym_env  # noqa: F401 - registers the ids
from swe_gym_env.errors import OptionError
from swe_gym_env.replay import RecordEpisodes, mask_volatile, recordings, replay


def make_repair() -> gym.Env[str, str]:
    return gym.make("RepairToy-v0", backend="local", expert=True)


def call(command: str) -> str:
    return (
        "<tool_call>\n<function=bash>\n<parameter=command>\n"
        f"{command}\n</parameter>\n</function>\n</tool_call>"
    )


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The expert's repair of one task, with a few commands before it."""
    path = tmp_path_factory.mktemp("recordings") / "deep" / "episodes.jsonl"
    env = RecordEpisodes(make_repair(), path)
    _, info = env.reset(seed=3)
    for command in ("ls", "nonsense-command", "echo 1; echo 2"):
        _, _, _, _, info = env.step(call(command))
    over = False
    while not over:
        _, _, terminated, truncated, info = env.step(info["expert_action"])
        over = terminated or truncated
    env.close()
    (episode,) = recordings(path)
    return episode


def masked_folder(text: str) -> str:
    """The backend "local" has another folder each time."""
    import re

    return mask_volatile(re.sub(r"/tmp/swe-gym-local-\w+", "/tmp/LOCAL", text))


def test_a_deterministic_episode_comes_again(recorded: dict[str, Any]) -> None:
    env = make_repair()
    result = replay(recorded, env, normalise=masked_folder)
    env.close()
    assert result.same, str(result.divergence)
    assert result.turns == len(recorded["turns"])
    assert recorded["turns"][-1]["reward"] == 1.0


def test_the_first_turn_that_differs_is_named_with_a_diff(recorded: dict[str, Any]) -> None:
    changed = json.loads(json.dumps(recorded))
    changed["turns"][2]["observation"] = changed["turns"][2]["observation"].replace("2", "3")
    env = make_repair()
    result = replay(changed, env, normalise=masked_folder)
    env.close()
    assert result.divergence is not None
    assert (result.turns, result.divergence.turn, result.divergence.what) == (3, 3, "observation")
    assert "-3" in result.divergence.diff.splitlines()
    assert "+2" in result.divergence.diff.splitlines()
    assert "at turn 3 the observation differs" in str(result.divergence)


def test_a_command_whose_output_is_random_differs_at_its_turn(tmp_path: Path) -> None:
    path = tmp_path / "e.jsonl"
    env = RecordEpisodes(make_repair(), path)
    env.reset(seed=0)
    for command in ("true", "echo $RANDOM$RANDOM$RANDOM", "true"):
        env.step(call(command))
    env.close()
    (episode,) = recordings(path)
    again = make_repair()
    result = replay(episode, again, normalise=masked_folder)
    assert result.divergence is not None
    assert result.divergence.turn == 2
    assert replay(episode, again, normalise=masked_folder, go_on=True).turns == 3
    again.close()


def test_another_task_differs_at_the_reset(recorded: dict[str, Any]) -> None:
    env = make_repair()
    result = replay({**recorded, "seed": 4}, env, normalise=masked_folder)
    env.close()
    assert result.divergence is not None
    assert (result.turns, result.divergence.turn) == (0, 0)
    assert "at the reset" in str(result.divergence)


class Echo(gym.Env[str, str]):
    """Says what it is told, and ends after `length` turns."""

    def __init__(self, length: int = 2, reward: float = 1.0) -> None:
        self.observation_space = self.action_space = gym.spaces.Text(100)
        self.length, self.reward = length, reward

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        super().reset(seed=seed)
        self.turn = 0
        return f"hello {seed} {options}", {"task": "echo-1"}

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        self.turn += 1
        return action, self.reward, self.turn == self.length, False, {}


@pytest.fixture
def echo(tmp_path: Path) -> dict[str, Any]:
    env = RecordEpisodes(Echo(), tmp_path / "echo.jsonl")
    env.reset(seed=1)
    env.step("a\n\ud800\0é")
    env.step("b")
    (episode,) = recordings(tmp_path / "echo.jsonl")
    return episode


def test_every_text_survives_the_file(echo: dict[str, Any]) -> None:
    assert echo["turns"][0]["action"] == "a\n\ud800\0é"
    assert replay(echo, Echo()).same


def test_an_episode_that_ends_sooner_differs(echo: dict[str, Any]) -> None:
    del echo["turns"][0]["terminated"]
    divergence = replay(echo, Echo(length=1)).divergence
    assert divergence is not None
    assert (divergence.turn, divergence.what) == (2, "end")
    assert "over already" in str(divergence)


def test_another_reward_differs_unless_it_was_not_recorded(echo: dict[str, Any]) -> None:
    divergence = replay(echo, Echo(reward=0.0)).divergence
    assert divergence is not None
    assert (divergence.turn, divergence.what, divergence.expected) == (1, "reward", 1.0)
    assert str(divergence) == "at turn 1 reward is 0.0, recorded was 1.0"
    for turn in echo["turns"]:
        del turn["reward"]
    assert replay(echo, Echo(reward=0.0)).same


def test_an_episode_left_early_is_kept_and_one_without_seed_by_its_task(tmp_path: Path) -> None:
    env = RecordEpisodes(Echo(), tmp_path / "echo.jsonl")
    env.reset()
    env.step("x")
    env.reset(seed=5, options={"k": 1})
    env.close()
    first, second = recordings(tmp_path / "echo.jsonl")
    assert (first["seed"], first["options"], len(first["turns"])) == (None, {"task": "echo-1"}, 1)
    assert (second["seed"], second["options"], second["turns"]) == (5, {"k": 1}, [])


def test_a_line_that_is_no_recording_is_named(tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text('{"observation": "", "turns": []}\n{"observation": "", "turns": [{}]}\n')
    with pytest.raises(OptionError, match="line 2: turn 1 of the recording needs a text 'action'"):
        list(recordings(path))
    path.write_text("{")
    with pytest.raises(OptionError, match="line 1"):
        list(recordings(path))


def test_the_wrapper_can_be_made_again_from_its_spec(tmp_path: Path) -> None:
    env = RecordEpisodes(make_repair(), tmp_path / "e.jsonl")
    assert env.spec is not None
    again = gym.make(env.spec)
    assert isinstance(again, RecordEpisodes)


@given(st.floats(0, 1e4), st.integers(2**24, 2**48))
def test_times_and_addresses_are_masked(seconds: float, address: int) -> None:
    text = f"1 passed in {seconds:.2f}s at 2024-01-31 10:11:12 <object at {address:#x}>"
    assert mask_volatile(text) == "1 passed in ~ at ~ <object at ~>"
    assert mask_volatile("3 passed, x = 0.5, 12 files") == "3 passed, x = 0.5, 12 files"
