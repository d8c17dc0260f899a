"""What a policy or an environment of one's own gets wrong is said in a sentence, at once."""

from collections.abc import Callable, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from dagger_algo.collect import collect
from dagger_algo.conversation import Action, Conversation
from dagger_algo.env_pool import EnvPool
from dagger_algo.errors import ConfigError, PolicyError
from dagger_algo.gates.mixture import STUDENT_ONLY, TEACHER_ONLY
from dagger_algo.policies.scripted import ExpertTeacher, Scripted

Make = Callable[..., gym.Env[str, str]]
right = Scripted(lambda c: c.observations[-1][-1])


class Odd:
    """Answers whatever it was made with, in its second turn."""

    def __init__(self, answer: Callable[[Sequence[Conversation]], Any]) -> None:
        self.answer = answer

    def act(self, conversations: Sequence[Conversation]) -> Any:
        known = ExpertTeacher().act(conversations)
        return self.answer(conversations) if conversations[0].turn else known


WRONG = [
    (lambda c: [Action("1")], "was asked in 3 conversations and gave 1 answers: `act` returns"),
    (lambda c: [Action("1")] * 4, "was asked in 3 conversations and gave 4 answers"),
    (lambda c: None, "answered with a NoneType: `act` returns a list"),
    (lambda c: "123", "answered with a str: `act` returns a list"),
    (lambda c: ["ls"] * 3, r"answered with a str, 'ls', in episode '0/0/0', turn 1: .* Action\("),
    (lambda c: [Action(7)] * 3, r"answered with an Action of a int, 7, in episode '0/0/0'"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("answer", "says"), WRONG)
@pytest.mark.parametrize("who", ["student", "teacher"])
def test_an_answer_that_is_none_names_who_gave_it(
    corridor: Make, who: str, answer: Any, says: str
) -> None:
    odd = Odd(answer)
    gate, student = (TEACHER_ONLY, right) if who == "teacher" else (STUDENT_ONLY, odd)
    with (
        EnvPool(corridor, 3) as pool,
        pytest.raises(PolicyError, match=rf"^the {who} \(Odd\) {says}"),
    ):
        teacher = odd if who == "teacher" else None
        list(collect(pool, range(3), student, gate=gate, teacher=teacher))


def test_a_student_without_an_answer_is_told_that_it_needs_one(corridor: Make) -> None:
    silent = Odd(lambda conversations: [None for _ in conversations])
    with (
        EnvPool(corridor, 3) as pool,
        pytest.raises(PolicyError, match=r"^the student \(Odd\) has no answer \(None\) in episode"),
    ):
        list(collect(pool, range(3), silent))


@pytest.mark.parametrize("turn", [0, 2])
def test_an_observation_that_is_no_text_is_named(corridor: Make, turn: int) -> None:
    class Numbers(gym.Wrapper[Any, str, str, str]):
        def reset(self, **options: Any) -> tuple[Any, dict[str, Any]]:
            self.turn = 0
            observation, info = super().reset(**options)
            return self.seen(observation), info

        def step(self, action: str) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
            self.turn += 1
            observation, *rest = super().step(action)
            return (self.seen(observation), *rest)

        def seen(self, observation: str) -> Any:
            return np.zeros(3) if self.turn == turn else observation

    says = f"in episode '0/5/0', turn {turn}, the environment's observation is a ndarray and should"
    with EnvPool(lambda: Numbers(corridor()), 1) as pool, pytest.raises(ConfigError, match=says):
        list(collect(pool, [5], right))
