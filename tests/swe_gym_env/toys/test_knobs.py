"""The knobs that all toys share: noise, reward, expert."""

from typing import Any

import gymnasium as gym
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import swe_gym_env  # noqa: F401  (registers the toys)
from swe_gym_env.errors import OptionError
from swe_gym_env.toys import Cliff, CombinationLock, Corridor, KeyDoorTree, Tightrope
from swe_gym_env.toys.word_env import WordEnv

KINDS: list[type[WordEnv]] = [Tightrope, CombinationLock, Corridor, Cliff, KeyDoorTree]
every_kind = pytest.mark.parametrize("kind", KINDS)
MENDABLE: list[WordEnv] = [
    Tightrope(max_turns=1000, expert=True),
    Corridor(max_turns=1000, expert=True),
    Corridor(error_cost=2, max_turns=1000, expert=True),
    CombinationLock(forgiving=True, max_turns=1000, expert=True),
    KeyDoorTree(max_turns=1000, expert=True),
    KeyDoorTree(depth=3, branching=2, max_turns=1000, expert=True),
    KeyDoorTree(max_turns=1000, expert=True, expert_sees="room"),
]


def follow(env: WordEnv, seed: int) -> list[tuple[str, float, bool, bool, dict[str, Any]]]:
    """One episode of the expert."""
    _, info = env.reset(seed=seed)
    steps = []
    while not steps or not (steps[-1][2] or steps[-1][3]):
        steps.append(env.step(info["expert_action"]))
        info = steps[-1][4]
    return steps


@pytest.mark.parametrize("env", MENDABLE, ids=lambda e: type(e).__name__)
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), plan=st.lists(st.integers(0, 20), max_size=60))
def test_the_expert_reaches_the_goal_from_wherever_a_student_has_gone(
    env: WordEnv, seed: int, plan: list[int]
) -> None:
    words = (*env.action_words, "no word")
    _, info = env.reset(seed=seed)
    over, reward = False, 0.0
    for choice in plan:
        if not over:
            _, reward, over, _, info = env.step(words[choice % len(words)])
    while not over:
        _, reward, over, truncated, info = env.step(info["expert_action"])
        assert not truncated
    assert reward == 1.0


@every_kind
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), texts=st.lists(st.text(), min_size=1, max_size=5))
def test_any_text_is_an_action(kind: type[WordEnv], seed: int, texts: list[str]) -> None:
    env = kind(slip=0.5, expert=True, reward="progress")
    observation, _ = env.reset(seed=seed)
    assert observation in env.observation_space
    for text in texts:
        observation, reward, terminated, truncated, _ = env.step(text)
        assert observation in env.observation_space
        assert -2.0 <= reward <= 1.0
        if terminated or truncated:
            break


@every_kind
def test_slips_are_as_frequent_as_asked_and_told(kind: type[WordEnv]) -> None:
    env = kind(slip=0.2, expert=True)
    observations = [step[0] for seed in range(200) for step in follow(env, seed)]
    told = sum(observation.startswith("A slip: what is said is ") for observation in observations)
    assert 0.17 < told / len(observations) < 0.23
    assert "With probability 0.2 another word than yours is said." in env.reset(seed=0)[0]


@every_kind
def test_a_slip_is_never_the_word_that_was_said(kind: type[WordEnv]) -> None:
    env = kind(slip=1.0, expert=True)
    for seed in range(50):
        said = env.reset(seed=seed)[1]["expert_action"]
        told = env.step(said)[0].splitlines()[0]
        assert told.startswith("A slip: what is said is ") and not told.endswith(f" {said}.")


@every_kind
@pytest.mark.parametrize("knobs", [{"slip": 0.3}, {"expert_error": 0.3}, {"reward": "progress"}])
def test_the_tasks_are_the_same_whatever_the_noise(
    kind: type[WordEnv], knobs: dict[str, Any]
) -> None:
    for seed in range(5):
        plain = kind().reset(seed=seed)
        noisy = kind(**knobs).reset(seed=seed)
        assert plain[0].splitlines()[-1] == noisy[0].splitlines()[-1]
        assert plain[1] == noisy[1]


@every_kind
def test_an_expert_errs_as_often_as_asked_and_never_changes_its_mind(kind: type[WordEnv]) -> None:
    good, weak = kind(expert=True), kind(expert=True, expert_error=0.3)
    wrong = total = 0
    for seed in range(150):
        (_, right), (_, said) = good.reset(seed=seed), weak.reset(seed=seed)
        over = False
        while not over:
            assert weak._info() == said
            assert said["expert_action"] in weak.action_words
            wrong += said["expert_action"] != right["expert_action"]
            total += 1
            action = right["expert_action"]
            _, _, over, _, right = good.step(action)
            said = weak.step(action)[-1]
    assert 0.25 < wrong / total < 0.35


@every_kind
def test_an_experts_errors_do_not_repeat_themselves(kind: type[WordEnv]) -> None:
    env = kind(expert=True, expert_error=0.5)
    said: dict[str, set[str]] = {}
    for seed in range(100):
        observation, info = env.reset(seed=seed)
        said.setdefault(observation.splitlines()[-1], set()).add(info["expert_action"])
    assert max(map(len, said.values())) > 2


@pytest.mark.parametrize("kind", [Tightrope, CombinationLock, Corridor, Cliff])
def test_an_expert_that_sees_the_first_letter_answers_by_it_alone(kind: type[WordEnv]) -> None:
    good, weak = kind(expert=True), kind(expert=True, expert_sees="initial")
    answers: dict[tuple[str, str], set[str]] = {}
    right = total = 0
    for seed in range(200):
        (observation, best), (_, said) = good.reset(seed=seed), weak.reset(seed=seed)
        over = False
        while not over:
            place, cue = observation.splitlines()[-1].split(": ")
            answers.setdefault((place, cue[0]), set()).add(said["expert_action"])
            right += said == best
            total += 1
            action = best["expert_action"]
            observation, _, over, _, best = good.step(action)
            said = weak.step(action)[-1]
    assert all(len(words) == 1 for words in answers.values())
    assert 1.5 / len(good.action_words) < right / total < 0.95


def test_an_expert_that_has_never_fallen_knows_no_way_out_of_the_pit() -> None:
    env = Tightrope(expert=True, expert_sees="rope")
    assert all(follow(env, seed)[-1][1] == 1.0 for seed in range(10))
    env.reset(seed=0)
    told = {env.step("no word")[-1]["expert_action"] for _ in range(env.max_turns - 1)}
    assert told == {env.action_words[0]}


@every_kind
def test_progress_pays_one_for_the_goal_and_minus_what_was_left_otherwise(
    kind: type[WordEnv],
) -> None:
    env = kind(expert=True, reward="progress")
    paid = [step[1] for step in follow(env, 0)]
    assert sum(paid) == pytest.approx(1.0)
    assert paid == pytest.approx([1 / env.horizon] * env.horizon)
    for seed in range(5):
        rewards: list[float] = []
        over, (_, info) = False, env.reset(seed=seed)
        while not over:
            # Sound for three turns, then nothing but nonsense.
            said = info["expert_action"] if len(rewards) < 3 else "nonsense"
            _, reward, terminated, truncated, info = env.step(said)
            rewards.append(float(reward))
            over = terminated or truncated
        assert sum(rewards) == pytest.approx(-(env.horizon - 3) / env.horizon)


@every_kind
@pytest.mark.parametrize(
    ("knobs", "complaint"),
    [
        ({"slip": 1.5}, "slip must be a probability, from 0 to 1, not 1.5"),
        ({"slip": True}, "slip must be a probability"),
        ({"expert_error": -0.1}, "expert_error must be a probability"),
        ({"expert_error": float("nan")}, "expert_error must be a probability"),
        ({"reward": "dense"}, 'reward must be "sparse" or "progress", not \'dense\''),
        ({"expert_sees": "nothing"}, 'expert_sees must be one of "all", '),
        ({"table_seed": -1}, "table_seed must be a whole number of 0 or more"),
        ({"split": "test"}, "split must be"),
    ],
)
def test_knobs_out_of_range_are_refused(
    kind: type[WordEnv], knobs: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(OptionError, match=complaint):
        kind(**knobs)


@pytest.mark.parametrize(
    "env_id",
    ["Tightrope-v0", "CombinationLock-v0", "Corridor-v0", "Cliff-v0", "KeyDoorTree-v0"],
)
def test_every_toy_is_made_by_its_id_one_or_many(env_id: str) -> None:
    alone = gym.make(env_id, slip=0.1, expert=True)
    envs = gym.make_vec(env_id, num_envs=2, slip=0.1, expert=True)
    observations, infos = envs.reset(seed=7)
    assert observations[0] == alone.reset(seed=7)[0]
    assert len(set(infos["task"])) == 2
    envs.step(tuple(infos["expert_action"]))
    envs.close()
    with pytest.raises(OptionError, match=f"{env_id} has no option 'slips'; did you mean 'slip'"):
        gym.make(env_id, slips=0.1)
