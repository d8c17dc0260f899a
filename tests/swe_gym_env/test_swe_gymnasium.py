"""A repository task is an ordinary Gymnasium environment, in all of Gymnasium's ways."""

import json
import pickle
from pathlib import Path

import gymnasium as gym
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.wrappers import RecordEpisodeStatistics, TimeLimit

import swe_gym_env  # noqa: F401
from tests.support.mini_instance import GOLD, mini_instance
from tests.swe_gym_env.sandbox.conftest import missing

pytestmark = pytest.mark.docker
REPAIR = f"```bash\ngit apply - <<'END_OF_PATCH'\n{GOLD}END_OF_PATCH\n```"
SUBMIT = "```bash\nsubmit\n```"


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> str:
    pytest.importorskip("swebench")
    if reason := missing("docker"):
        pytest.skip(reason)
    path: Path = tmp_path_factory.mktemp("rows") / "mini.jsonl"
    path.write_text(json.dumps(mini_instance().row) + "\n")
    return str(path)


def test_the_environment_checker_has_nothing_to_say(rows: str) -> None:
    env = gym.make("SWELocal-v0", dataset=rows)
    check_env(env.unwrapped, skip_render_check=True)
    env.close()


def test_wrappers_count_and_cut_episodes(rows: str) -> None:
    env = gym.make("SWELocal-v0", dataset=rows, tool_format="bash_block")
    counted = RecordEpisodeStatistics(TimeLimit(env, 2))
    counted.reset(seed=0)
    counted.step(REPAIR)
    _, reward, terminated, _, info = counted.step(SUBMIT)
    assert (reward, terminated, info["episode"]["r"], info["episode"]["l"]) == (1.0, True, 1.0, 2)
    counted.reset(seed=0)
    counted.step("one")
    assert counted.step("two")[2:4] == (False, True)
    counted.close()


@pytest.mark.parametrize("mode", [None, "sync", "async"])
def test_many_at_once_in_every_mode(rows: str, mode: str | None) -> None:
    kwargs = {"dataset": rows, "tool_format": "bash_block"}
    envs = gym.make_vec("SWELocal-v0", num_envs=2, vectorization_mode=mode, **kwargs)
    envs.reset(seed=0)
    envs.step((REPAIR, "```bash\necho 'é \U0001f600'\n```"))
    _, rewards, terminations, _, _ = envs.step((SUBMIT, SUBMIT))
    assert rewards.tolist() == [1.0, 0.0] and terminations.all()
    envs.close()


def test_the_spec_makes_the_same_environment_after_pickling(rows: str) -> None:
    env = gym.make("SWELocal-v0", dataset=rows)
    again = gym.make(pickle.loads(pickle.dumps(env.spec)))
    assert again.reset(seed=0)[1]["task"] == env.reset(seed=0)[1]["task"]
    env.close()
    again.close()
