"""Going back in an episode, and going on twice from one state."""

from collections.abc import Callable, Iterator
from typing import Any

import gymnasium as gym
import pytest

import swe_gym_env  # noqa: F401
from swe_gym_env.env import RepairEnv
from swe_gym_env.errors import OptionError
from swe_gym_env.tools import ToolCall
from tests.swe_gym_env.sandbox.conftest import IMAGE, missing

Make = Callable[..., RepairEnv]


@pytest.fixture(params=["isolated", pytest.param("docker", marks=pytest.mark.docker)])
def make(request: pytest.FixtureRequest) -> Iterator[Make]:
    if request.param == "docker" and (reason := missing("docker")):
        pytest.skip(reason)
    made: list[RepairEnv] = []

    def one(**options: Any) -> RepairEnv:
        env = gym.make(
            "RepairToy-v0", backend=request.param, image=IMAGE, expert=True, modules=1, **options
        )
        made.append(env.unwrapped)  # type: ignore[arg-type]
        return made[-1]

    yield one
    for env in made:
        env.close()


def say(env: RepairEnv, name: str, **arguments: object) -> tuple[str, float, bool, dict[str, Any]]:
    observation, reward, terminated, _, info = env.step(
        env.format.render(ToolCall(name, arguments))
    )
    return observation, reward, terminated, info


def follow_the_expert(env: RepairEnv, action: str) -> float:
    for _ in range(16):
        _, reward, over, _, info = env.step(action)
        if over:
            return float(reward)
        action = info["expert_action"]
    raise AssertionError("the expert did not get through")


def test_an_episode_goes_on_from_a_snapshot_even_after_its_end(make: Make) -> None:
    env = make()
    env.reset(seed=3)
    before = say(env, "bash", command="mkdir sub; cd sub; export mark=here; echo x >left")
    snapshot = env.snapshot()
    say(env, "bash", command="cd ..; rm -rf *; unset mark")
    assert say(env, "submit")[1:3] == (0.0, True)
    with pytest.raises(gym.error.ResetNeeded):
        say(env, "submit")
    for _ in range(2):
        observation, info = env.restore(snapshot)
        assert (observation, info) == (before[0], before[3])
        assert say(env, "bash", command="echo $mark; cat left; pwd")[0].startswith("here\nx\n")
        action = env.expert_action()
        assert follow_the_expert(env, action) == 1.0


def test_the_editor_can_undo_what_it_did_before_the_snapshot(make: Make) -> None:
    env = make()
    env.reset(seed=0)
    say(env, "editor", command="create", path="/testbed/new.py", file_text="one = 1\n")
    snapshot = env.snapshot()
    say(env, "editor", command="undo", path="/testbed/new.py")
    assert "new.py" not in say(env, "bash", command="ls")[0]
    env.restore(snapshot)
    assert "new.py" in say(env, "bash", command="ls")[0]
    say(env, "editor", command="undo", path="/testbed/new.py")
    assert "new.py" not in say(env, "bash", command="ls")[0]


def test_a_clone_goes_its_own_way(make: Make) -> None:
    env = make()
    env.reset(seed=1)
    say(env, "bash", command="echo one >file")
    twin = env.clone()
    try:
        say(twin, "bash", command="echo two >file")
        assert "one" in say(env, "bash", command="cat file")[0]
        assert "two" in say(twin, "bash", command="cat file")[0]
        say(env, "bash", command="rm -rf *")
        assert follow_the_expert(twin, twin.expert_action()) == 1.0
        assert say(env, "submit")[1] == 0.0
        twin.reset(seed=5)
    finally:
        twin.close()


def test_a_snapshot_of_another_episode_is_refused(make: Make) -> None:
    env = make()
    env.reset(seed=0)
    snapshot = env.snapshot()
    env.reset(seed=1)
    with pytest.raises(OptionError, match="another episode"):
        env.restore(snapshot)


@pytest.mark.docker
def test_the_full_tier_brings_back_what_lies_outside_of_the_work_tree() -> None:
    if reason := missing("docker"):
        pytest.skip(reason)
    env = gym.make("RepairToy-v0", backend="docker", image=IMAGE, modules=1).unwrapped
    assert isinstance(env, RepairEnv)
    env.reset(seed=0)
    say(env, "bash", command="echo kept >/opt/file")
    snapshot = env.snapshot("full")
    say(env, "bash", command="rm /opt/file")
    env.restore(snapshot)
    assert "kept" in say(env, "bash", command="cat /opt/file")[0]
    env.close()
