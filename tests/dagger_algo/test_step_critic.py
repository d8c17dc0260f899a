"""What a critic by rules makes of steps."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagger_algo.conversation import Action, Actor, Episode, Outcome, Turn
from dagger_algo.step_critic import Verdict, rule_critic, undoes

G, U, M, R = Verdict.GOOD, Verdict.UNNECESSARY, Verdict.MISTAKE, Verdict.RECOVER


def bash(command: str) -> str:
    return f"I do this.\n```bash\n{command}\n```"


def episode(*steps: tuple[str, str]) -> Episode:
    """From actions and what came of each."""
    seen = ["Repair it.", *(answer for _, answer in steps)]
    turns = [
        Turn(observation, Action(action), Actor.TEACHER, Action(action), 0.0)
        for observation, (action, _) in zip(seen, steps, strict=False)
    ]
    return Episode("1/0/0", 0, "t", 1, tuple(turns), Outcome.TRUNCATED, seen[-1])


LOOK = (bash("cat a.py"), "def f(): return 1")
EDIT = (bash("sed -i s/1/2/ a.py"), "")
TEST = (bash("pytest -q"), "1 failed")


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([LOOK, EDIT, TEST], [G, G, G]),  # a failed test tells something
        ([LOOK, LOOK, EDIT], [G, U, G]),
        ([LOOK, EDIT, LOOK], [G, G, G]),  # there was a change in between
        ([TEST, EDIT, TEST, TEST], [G, G, G, U]),
        ([LOOK, ("I am not sure what to do.", "No tool call."), EDIT], [G, M, G]),
        ([LOOK, (bash("sed -i s/1/2/ b.py"), "[exit status 2]")], [G, M]),
        ([EDIT, TEST, (bash("git checkout -- a.py"), ""), LOOK], [M, G, R, G]),
        ([EDIT, (bash("git reset --hard"), ""), EDIT, (bash("git restore ."), "")], [M, R, M, R]),
        ([EDIT, (bash("git checkout -b mine"), "")], [G, G]),
        ([(bash("git checkout a.py"), ""), LOOK], [R, G]),  # nothing of its own to blame
    ],
)
def test_the_rules(steps: list[tuple[str, str]], expected: list[Verdict]) -> None:
    assert list(rule_critic(episode(*steps))) == expected


def test_an_editors_undo_recovers() -> None:
    call = '<tool_call>{{"name": "editor", "arguments": {{"command": "{}"}}}}</tool_call>'
    assert undoes(call.format("undo_edit")) and not undoes(call.format("str_replace"))
    assert not undoes("undo") and undoes(bash("git revert HEAD"))
    steps = [(call.format("str_replace"), "ok"), (call.format("undo_edit"), "ok")]
    assert list(rule_critic(episode(*steps))) == [M, R]


def test_bare_words_are_only_good_or_unnecessary() -> None:
    steps = [("left", "a wall"), ("left", "a wall"), ("right", "a door"), ("left", "a pit")]
    assert list(rule_critic(episode(*steps))) == [G, U, G, G]


@given(st.lists(st.tuples(st.text(max_size=40), st.text(max_size=20)), max_size=6))
def test_whatever_a_model_says_every_turn_gets_one_verdict(steps: list[tuple[str, str]]) -> None:
    found = rule_critic(episode(*steps, *((bash(a), b) for a, b in steps)))
    assert len(found) == 2 * len(steps) and all(isinstance(v, Verdict) for v in found)
