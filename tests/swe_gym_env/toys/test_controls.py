"""The rules of the corridor, the cliff and the key-door tree."""

from collections import deque

import pytest

from swe_gym_env.toys import Cliff, Corridor, KeyDoorTree
from swe_gym_env.toys.word_env import WordEnv

WRONG = "certainly not a word"


def last_line(observation: str) -> str:
    return observation.splitlines()[-1]


def test_an_error_in_the_corridor_costs_its_turn_and_shows_what_would_have_been_shown() -> None:
    plain, erring = Corridor(expert=True), Corridor(expert=True)
    plain.reset(seed=0)
    _, info = erring.reset(seed=0)
    shown = last_line(erring.step(WRONG)[0])
    right = last_line(plain.step(info["expert_action"])[0])
    assert shown == right
    assert erring.step(WRONG)[4]["position"] == 0


def test_errors_in_the_corridor_can_be_made_costly() -> None:
    env = Corridor(error_cost=2, expert=True)
    _, info = env.reset(seed=0)
    positions = []
    for action in (None, None, None, WRONG, WRONG):
        *_, info = env.step(action or info["expert_action"])
        positions.append(info["position"])
    assert positions == [1, 2, 3, 1, 0]


def test_the_teacher_of_the_corridor_shows_every_state_that_a_student_meets() -> None:
    env = Corridor(expert=True)

    def shown(action: str | None) -> set[str]:
        seen = set()
        for seed in range(60):
            observation, info = env.reset(seed=seed)
            over = False
            while not over:
                seen.add(last_line(observation))
                observation, _, ended, out, info = env.step(action or info["expert_action"])
                over = ended or out
        return seen

    assert shown(WRONG) == shown(None)


def test_nothing_that_is_said_below_the_cliff_helps() -> None:
    env = Cliff(horizon=5, expert=True)
    _, info = env.reset(seed=0)
    observation, *_, info = env.step(WRONG)
    for turn in range(4):
        assert last_line(observation).startswith("below: ")
        observation, reward, terminated, truncated, info = env.step(info["expert_action"])
        assert (reward, terminated, truncated) == (0.0, turn == 3, False)
    assert observation == "You lie at the foot of the cliff."
    assert (info["expert_action"], info["mistakes"], info["position"]) == ("", 1, 0)


@pytest.mark.parametrize("aftermath", [0, 1, 3, 100])
@pytest.mark.parametrize("fall", [0, 3])
def test_the_aftermath_is_as_long_as_asked_but_no_longer_than_the_walk(
    fall: int, aftermath: int
) -> None:
    env = Cliff(horizon=6, aftermath=aftermath, expert=True)
    _, info = env.reset(seed=0)
    turns, over = 0, False
    while not over:
        *_, over, truncated, info = env.step(WRONG if turns == fall else info["expert_action"])
        turns += 1
        assert not truncated
    assert turns == min(fall + 1 + aftermath, 6)


def test_the_shortest_way_through_the_tree_is_always_as_long() -> None:
    for depth, branching in ((1, 2), (2, 3), (3, 2)):
        env = KeyDoorTree(depth=depth, branching=branching, expert=True)
        for seed in range(20):
            _, info = env.reset(seed=seed)
            turns, over = 0, False
            while not over:
                _, reward, over, _, info = env.step(info["expert_action"])
                turns += 1
            assert (turns, reward, info["mistakes"]) == (env.horizon, 1.0, 0)
            assert env.horizon == 3 * depth + 2


def shortest(env: WordEnv, seed: int, prefix: tuple[str, ...], most: int) -> int:
    """Words from the state after `prefix` to the goal, by trying all of them in turn."""
    todo: deque[tuple[str, ...]] = deque([()])
    seen = set()
    while todo:
        plan = todo.popleft()
        assert len(plan) <= most
        env.reset(seed=seed)
        for word in (*prefix, *plan):
            _, reward, _, _, _ = env.step(word)
        if prefix + plan and reward == 1.0:
            return len(plan)
        state = (env._room, env._has_key)  # type: ignore[attr-defined]
        if state not in seen:
            seen.add(state)
            todo.extend((*plan, word) for word in env.action_words)
    raise AssertionError("no way leads to the goal")


@pytest.mark.parametrize("prefix", [(), (0, 1), (1, 0, 2), (0, 0, 3, 2, 1), (2, 2, 4, 1, 3, 3)])
def test_no_way_through_the_tree_is_shorter_than_the_experts(prefix: tuple[int, ...]) -> None:
    env = KeyDoorTree(depth=2, branching=2, expert=True)
    wandered = tuple(env.action_words[index] for index in prefix)
    for seed in range(3):
        _, info = env.reset(seed=seed)
        for word in wandered:
            *_, info = env.step(word)
        turns, over = 0, False
        while not over:
            *_, over, _, info = env.step(info["expert_action"])
            turns += 1
        assert turns == shortest(env, seed, wandered, env.max_turns)


def test_signs_say_the_same_in_every_tree_and_depend_on_having_the_key() -> None:
    table: dict[str, str] = {}
    for split in ("train", "heldout"):
        env = KeyDoorTree(split=split, expert=True, cues=8)
        for seed in range(60):
            observation, info = env.reset(seed=seed)
            over = False
            while not over:
                sign = last_line(observation)
                assert sign.startswith("key: " if info["has_key"] else "no key: ")
                assert table.setdefault(sign, info["expert_action"]) == info["expert_action"]
                observation, _, over, _, info = env.step(info["expert_action"])
    assert not {sign for sign, word in table.items() if sign.startswith("no") and word == "back"}
    assert {word for sign, word in table.items() if sign.startswith("key")} >= {"back", "open"}


def test_an_expert_that_cannot_read_the_signs_looks_into_one_room_after_another() -> None:
    env = KeyDoorTree(expert=True, expert_sees="room", max_turns=48)
    lengths = set()
    for seed in range(50):
        _, info = env.reset(seed=seed)
        turns, over = 0, False
        while not over:
            _, reward, over, truncated, info = env.step(info["expert_action"])
            turns += 1
            assert not truncated
        assert reward == 1.0
        lengths.add(turns)
    assert env.horizon < min(lengths) and 2 * env.horizon < max(lengths) <= 48


def test_words_with_nothing_to_act_on_cost_the_turn() -> None:
    env = KeyDoorTree()
    before = last_line(env.reset(seed=0)[0])
    for word in ("back", "take", "open", WRONG):
        observation, reward, *_, info = env.step(word)
        assert (last_line(observation), reward, info["has_key"]) == (before, 0.0, False)
    assert info["mistakes"] == 4
