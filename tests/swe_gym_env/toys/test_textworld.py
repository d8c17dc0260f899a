"""TextWorld's games as a text environment: real games, made and played."""

import os
import pickle
import random
import re
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest
from gymnasium.utils.env_checker import check_env
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import swe_gym_env  # noqa: F401  (registers the id)
from swe_gym_env.errors import OptionError, TaskError
from swe_gym_env.toys.textworld import TextWorld
from swe_gym_env.toys.textworld_games import GameSpec, game_file

pytest.importorskip(
    "textworld", reason="needs textworld: pip install 'swe-dagger[textworld]', a C compiler, make"
)

# Jericho says so of every game that it has no notes on.
pytestmark = pytest.mark.filterwarnings("ignore:Game .* is not fully supported")
GAMES = 2
SMALL = GameSpec(1, 1, 1, "goal", "house")
Step = tuple[str, float, bool, bool, dict[str, Any]]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two games of each split, made once for all tests."""
    return tmp_path_factory.mktemp("games")


@pytest.fixture(scope="module")
def play(cache: Path) -> Any:
    """Makes environments over the few games of these tests."""

    def make(**options: Any) -> TextWorld:
        return TextWorld(**{"cache": cache, "games": GAMES, "quest_length": 4} | options)

    return make


def cache_of(folder: Path) -> Path:
    """Where the small games are kept."""
    import textworld

    return folder / f"textworld-{textworld.__version__}" / "1-1-1-goal-house"


def follow(env: gym.Env[str, str], info: dict[str, Any]) -> list[Step]:
    """What the expert does from here."""
    steps: list[Step] = []
    while not steps or not (steps[-1][2] or steps[-1][3]):
        observation, reward, terminated, truncated, info = env.step(info["expert_action"])
        steps.append((observation, float(reward), terminated, truncated, info))
    return steps


def test_check_env_has_nothing_to_say(play: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "Game .* is not fully supported")
        check_env(play(expert=True), skip_render_check=True)


def test_making_an_environment_makes_no_game(tmp_path: Path) -> None:
    gym.make("TextWorld-v0", cache=tmp_path / "none").close()
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("split", ["train", "heldout"])
@pytest.mark.parametrize("seed", range(GAMES))
def test_the_expert_wins_in_as_many_commands_as_the_quest_is_long(
    play: Any, split: str, seed: int
) -> None:
    env = play(split=split, expert=True, reward="progress")
    observation, info = env.reset(seed=seed)
    assert "Your task: " in observation and "You are carrying" in observation
    steps = follow(env, info)
    assert [reward for _, reward, *_ in steps] == pytest.approx([0.25] * 4)
    assert steps[-1][2] and steps[-1][4]["expert_action"] == ""


@pytest.mark.parametrize("seed", range(GAMES))
def test_the_expert_wins_from_wherever_a_student_has_gone(play: Any, seed: int) -> None:
    env = play(expert=True, max_turns=300)
    chance = random.Random(seed)
    for _ in range(6):
        _, info = env.reset(seed=seed)
        over, reward = False, 0.0
        for _ in range(chance.randrange(1, 30)):
            # Most commands only look: they change nothing to recover from.
            doing = [c for c in info["commands"] if not c.startswith(("examine", "look", "inv"))]
            command = chance.choice([*doing, "nonsense"])
            _, reward, over, _, info = env.step(command)
            if over or info["expert_action"] is None:
                break
        if not over and info["expert_action"] is not None:
            reward = follow(env, info)[-1][1]
        assert reward == 1.0 or info["expert_action"] is None


def test_what_is_shown_does_not_depend_on_whether_an_expert_is_asked(play: Any) -> None:
    knowing, plain = play(expert=True), play()
    shown, info = knowing.reset(seed=1)
    assert plain.reset(seed=1)[0] == shown
    assert "expert_action" not in plain.step(info["expert_action"])[4]
    plain.reset(seed=1)
    for observation, reward, *_, told in follow(knowing, info):
        again, paid, *_ = plain.step(info["expert_action"])
        assert (again, paid) == (observation, reward)
        info = told


def test_games_of_the_splits_differ_and_the_same_seed_gives_the_same(play: Any) -> None:
    first = {
        (split, seed): play(split=split).reset(seed=seed)[0]
        for split in ("train", "heldout")
        for seed in range(GAMES)
    }
    assert len(set(first.values())) == 2 * GAMES
    assert play().reset(seed=GAMES + 1)[0] == first["train", 1]
    env = play()
    env.reset(seed=0)
    assert env.reset(seed=1)[0] == first["train", 1]


@pytest.mark.parametrize(
    "command",
    ["quit", "restart", "save", "restore", "script", "undo", "again", "tw-extra-infos score", "",
     "look. quit", "look then quit", "look, quit", "look\x00quit", "LOOK THEN QUIT", "look; quit",
     "\ud800", "go 🙂", "look " * 100],
)  # fmt: skip
def test_nothing_reaches_the_interpreter_but_commands_of_the_game(play: Any, command: str) -> None:
    env = play()
    env.reset(seed=0)
    before = env.step("look")[0]
    observation, reward, terminated, truncated, _ = env.step(command)
    assert observation.startswith("Not a command. Answer with one that begins with close, ")
    assert (reward, terminated, truncated) == (0.0, False, False)
    assert env.step("look")[0] == before


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(texts=st.lists(st.text() | st.from_regex(r"(take|open|go) [ -~]{0,40}"), max_size=4))
def test_any_text_is_an_action(play: Any, texts: list[str]) -> None:
    env = play(slip=0.3, expert=True, show_commands=True)
    env.reset(seed=0)
    for text in texts:
        observation, reward, terminated, _, info = env.step(text)
        assert observation in env.observation_space
        assert info["expert_action"] is None or isinstance(info["expert_action"], str)
        if terminated:
            assert reward == 1.0
            break
    env.close()


def test_turns_run_out(play: Any) -> None:
    env = play(max_turns=4, reward="progress")
    env.reset(seed=0)
    ends = [env.step("look") for _ in range(4)]
    assert [step[1] for step in ends] == [0.0, 0.0, 0.0, -1.0]
    assert [step[3] for step in ends] == [False, False, False, True]
    assert "You are out of turns." in ends[-1][0]
    with pytest.raises(gym.error.ResetNeeded):
        env.step("look")


def test_a_weak_expert_names_other_commands_that_can_be_given(play: Any) -> None:
    good, weak = play(expert=True), play(expert=True, expert_error=1.0)
    for seed in range(GAMES):
        right, wrong = good.reset(seed=seed)[1], weak.reset(seed=seed)[1]
        assert wrong["expert_action"] != right["expert_action"]
        assert wrong["expert_action"] in wrong["commands"]
        assert weak._info() == wrong


def test_slips_are_told_and_change_what_is_done(play: Any) -> None:
    env = play(slip=1.0, expert=True)
    observation, info = env.reset(seed=0)
    assert "With probability 1 another command is carried out." in observation
    said = info["expert_action"]
    observation = env.step(said)[0]
    done = observation.splitlines()[0].removeprefix("A slip: what is done is ").rstrip(".")
    assert done != said and done in info["commands"]


def test_the_goal_alone_says_less_than_the_steps(play: Any) -> None:
    steps = play().reset(seed=0)[0].splitlines()
    goal = play(instruction="goal").reset(seed=0)[0].splitlines()
    tasks = [next(line for line in text if line.startswith("Your task")) for text in (steps, goal)]
    assert len(tasks[1]) < len(tasks[0])
    # The same house: only the task is told differently.
    assert goal[-3:] == steps[-3:]


def test_many_at_once_play_as_each_would_alone(cache: Path) -> None:
    options: dict[str, Any] = {"cache": cache, "games": GAMES, "quest_length": 4, "expert": True}
    envs = gym.make_vec("TextWorld-v0", num_envs=4, **options)
    observations, infos = envs.reset(seed=[0, 1, 0, 1])
    assert observations[0] == observations[2] != observations[1] == observations[3]
    for turn in range(4):
        observations, rewards, ended, _, infos = envs.step(tuple(infos["expert_action"]))
        assert observations[0] == observations[2] and observations[1] == observations[3]
        assert list(rewards) == [float(turn == 3)] * 4
    assert all(ended)
    envs.close()


def test_games_are_opened_by_many_threads_at_once(play: Any) -> None:
    from textworld.logic import GameLogic

    envs = [play() for _ in range(6)]
    alone = [env.reset(seed=seed)[0] for seed, env in enumerate(envs)]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(len(envs)) as threads:
            for _ in range(4):
                GameLogic.parse.cache_clear()  # as in a process that has opened no game yet
                together = threads.map(lambda env, seed: env.reset(seed=seed)[0], envs, range(6))
                assert list(together) == alone
    finally:
        sys.setswitchinterval(before)


def test_the_basic_theme_says_the_task_in_plain_words(cache: Path) -> None:
    env = TextWorld(cache=cache, theme="basic", quest_length=2, rooms=1, expert=True)
    observation, info = env.reset(seed=0)
    task = next(line for line in observation.splitlines() if line.startswith("Your task: "))
    for command in (info["expert_action"], env.step(info["expert_action"])[4]["expert_action"]):
        verb, name, *_ = command.split()
        assert f" {verb} " in task and re.search(r"\d", name) and name in task


def test_a_game_that_is_asked_for_by_many_at_once_is_there_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(3) as threads:
        found = list(threads.map(lambda number: game_file(SMALL, number, tmp_path), [3] * 3))
    assert len(set(found)) == 1
    assert sorted(path.name for path in found[0].parent.iterdir()) == ["game.json", "game.z8"]
    assert found[0].parent.parent == cache_of(tmp_path)
    assert [path.name for path in cache_of(tmp_path).iterdir()] == ["3"]


def test_what_a_killed_maker_left_is_removed_but_not_what_one_is_making(tmp_path: Path) -> None:
    folder = cache_of(tmp_path)
    folder.mkdir(parents=True)
    for name, age in (("making-old", 7200), ("making-new", 0)):
        (folder / name).mkdir()
        when = (folder / name).stat().st_mtime - age
        os.utime(folder / name, (when, when))
    game_file(SMALL, 1, tmp_path)
    assert sorted(path.name for path in folder.iterdir()) == ["1", "making-new"]


def test_without_textworld_a_sentence_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, play: Any
) -> None:
    monkeypatch.setitem(sys.modules, "textworld", None)
    with pytest.raises(OptionError, match=r"pip install 'swe-dagger\[textworld\]'"):
        play().reset(seed=0)


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(TaskError, match=r"Cannot keep games in .*file.*Free some disk"):
        TextWorld(cache=tmp_path / "file").reset(seed=0)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"quest_length": 0}, "quest_length must be a whole number of 1 or more"),
        ({"games": 0}, "games must be a whole number of 1 or more"),
        ({"max_turns": 2}, "max_turns must be a whole number of 5 or more"),
        ({"instruction": "none"}, 'instruction must be "steps" or "goal"'),
        ({"theme": "sea"}, 'theme must be "house" or "basic"'),
        ({"split": "test"}, "split must be"),
        ({"rums": 3}, "TextWorld-v0 has no option 'rums'; did you mean 'rooms'"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(OptionError, match=complaint):
        gym.make("TextWorld-v0", **options)


def test_an_environment_can_be_pickled_before_its_first_game(play: Any) -> None:
    assert pickle.loads(pickle.dumps(play())).reset(seed=0)[0] == play().reset(seed=0)[0]
