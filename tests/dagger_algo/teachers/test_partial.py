"""Teachers that know only part of the state."""

import pytest

from dagger_algo.conversation import Action, Conversation
from dagger_algo.errors import ConfigError
from dagger_algo.policies.scripted import ExpertTeacher, Scripted
from dagger_algo.teachers.noisy import Noisy
from dagger_algo.teachers.partial import Partial, newest


def state(turns: int) -> Conversation:
    observations = tuple(f"o{t}" for t in range(turns + 1))
    actions = tuple(Action(f"a{t}") for t in range(turns))
    return Conversation("key", observations, actions, {"expert_action": "right"})


def told(turns: int, length: int) -> str | None:
    """All that a teacher with that memory is shown in an episode of that length."""
    reader = Scripted(lambda c: " ".join((*c.observations, *(a.text for a in c.actions), c.key)))
    (answer,) = Partial(reader, newest(turns)).act([state(length)])
    return answer and answer.text


def test_a_teacher_of_short_memory_sees_the_instruction_and_the_newest_turns() -> None:
    assert told(2, 5) == "o0 o4 o5 a3 a4 key"
    assert told(0, 5) == "o0 key"
    assert told(5, 5) == told(9, 5) == "o0 o1 o2 o3 o4 o5 a0 a1 a2 a3 a4 key"
    assert told(3, 0) == "o0 key"


def test_what_is_seen_alike_is_answered_alike() -> None:
    counting = Scripted(lambda c: str(len(c.observations)))
    answers = Partial(counting, newest(1)).act([state(turns) for turns in range(4)])
    assert [a and a.text for a in answers] == ["1", "2", "2", "2"]


def test_lost_answers_stay_lost_and_other_weaknesses_can_be_added() -> None:
    silent = Scripted(lambda c: None)
    assert Partial(silent, newest(1)).act([state(3)]) == [None]
    weak = Noisy(Partial(ExpertTeacher(), newest(1)), lambda c, right, d: f"not {right}", 1.0)
    assert [a and a.text for a in weak.act([state(3)])] == ["not right"]


def test_a_negative_memory_is_refused() -> None:
    with pytest.raises(ConfigError, match="0 or more turns, not -1"):
        newest(-1)
