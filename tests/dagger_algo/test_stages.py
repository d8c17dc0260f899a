"""What kind of step a turn is, from the text of its action alone."""

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagger_algo.conversation import Action, Actor, Conversation, Episode, Outcome, Turn
from dagger_algo.examples import imitate
from dagger_algo.policies.scripted import Scripted
from dagger_algo.stages import (
    Quality,
    Stage,
    grade,
    lucky_because,
    name_stage,
    split_stage,
    stage_of,
    stage_shares,
    stage_weights,
    stages,
)
from dagger_algo.teachers.staged import Staged
from dagger_algo.tool_calls import ToolCall, tool_call

READ, CHANGE, RUN, REST = Stage


def hermes(name: str, **arguments: object) -> str:
    return f"<tool_call>\n{json.dumps({'name': name, 'arguments': arguments})}\n</tool_call>"


def xml(name: str, **arguments: str) -> str:
    given = "".join(f"<parameter={k}>\n{v}\n</parameter>\n" for k, v in arguments.items())
    return f"<tool_call>\n<function={name}>\n{given}</function>\n</tool_call>"


def block(command: str) -> str:
    return f"I think.\n````bash\n{command}\n````"


@pytest.mark.parametrize(
    ("command", "stage"),
    [
        ("cat leap.py", READ),
        ("ls -la | head -5", READ),
        ("cd src && grep -rn 'def f' . 2>/dev/null | wc -l", READ),
        ("find . -name '*.py' 2>&1", READ),
        ("sed -n 1,20p a.py", READ),
        ("git -P diff --stat", READ),
        ('echo "a > b; rm x"', READ),
        ("sed -i.orig '18c\\\n    return a > b\n' leap.py", CHANGE),
        ("cat > fix.py <<'EOF'\nimport pytest\npytest.main()\nEOF", CHANGE),
        ("echo x >> notes.txt", CHANGE),
        ("git apply fix.patch", CHANGE),
        ("find . -name '*.pyc' -delete", CHANGE),
        ("patch -p1 < fix.patch", CHANGE),
        ("python3 -S run_tests.py", RUN),
        ("cd /testbed && PYTHONPATH=. timeout 60 python -m pytest -q 2>&1 | tail -5", RUN),
        ("./run_tests.sh", RUN),
        ("tox -e py311", RUN),
        ("make test", RUN),
        ("sed -i s/a/b/ x.py && python -m pytest", RUN),
        ("python - <<'EOF'\nopen('x').write('cat')\nEOF", RUN),
        ("submit", REST),
        ("git commit -am done", REST),
        ("pip install -e .", REST),
        ("echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT && git diff", REST),
        ("", REST),
    ],
)
def test_a_shell_command_has_its_stage_in_every_format(command: str, stage: Stage) -> None:
    for text in (hermes("bash", command=command), xml("execute_bash", command=command)):
        assert stage_of(text) is stage
    assert stage_of(block(command)) is stage
    assert stage_of(f"Stage: {stage}\n{block(command)}") is stage


@pytest.mark.parametrize(
    ("call", "stage"),
    [
        (ToolCall("editor", {"command": "view", "path": "test_x.py"}), READ),
        (ToolCall("str_replace_editor", {"command": "str_replace", "path": "a"}), CHANGE),
        (ToolCall("str_replace_based_edit_tool", {"command": "create", "path": "a"}), CHANGE),
        (ToolCall("editor", {"command": "undo", "path": "a"}), CHANGE),
        (ToolCall("search_dir", {"search_term": "x"}), READ),
        (ToolCall("read_file", {"path": "a"}), READ),
        (ToolCall("write_file", {"path": "a"}), CHANGE),
        (ToolCall("run_tests", {}), RUN),
        (ToolCall("submit", {}), REST),
        (ToolCall("finish", {"message": "x"}), REST),
        (ToolCall("think", {"thought": "edit the test"}), REST),
    ],
)
def test_a_tool_has_its_stage(call: ToolCall, stage: Stage) -> None:
    assert stage_of(hermes(call.name, **call.arguments)) is stage
    assert stage_of(xml(call.name, **call.arguments)) is stage


def test_plain_text_is_a_command_only_when_it_begins_with_one() -> None:
    assert stage_of("grep -n x a.py") is READ
    assert stage_of("I will run the tests now.") is REST
    assert stage_of("") is REST


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=()), max_size=60))
def test_any_text_at_all_has_a_stage(noise: str) -> None:
    for text in (noise, block(noise), hermes("bash", command=noise), f"<tool_call>{noise}"):
        assert stage_of(text) in list(Stage)


@pytest.mark.parametrize(
    "piece", ["<<a ", "'", '"\\', "<parameter=a>", "``` ", "<tool_call>{", "\\"]
)
def test_hostile_text_is_read_in_time(piece: str) -> None:
    long = piece * (200_000 // len(piece))
    start = time.process_time()
    for text in (long, f"<function=bash><parameter=command>{long}", block(long)):
        assert stage_of(text) in list(Stage)
    assert time.process_time() - start < 3, "a quadratic search would take minutes"


def test_calls_are_read_verbatim_and_broken_ones_are_none() -> None:
    assert tool_call(xml("bash", command="a\n\nb")) == ToolCall("bash", {"command": "a\n\nb"})
    assert tool_call(hermes("editor", range=[1, 2])) == ToolCall("editor", {"range": "[1, 2]"})
    assert tool_call(block("```\nx\n```")) == ToolCall("bash", {"command": "```\nx\n```"})
    for broken in ("<tool_call>{", "<tool_call>[1]", '<tool_call>{"name": 1}', "words", "```py\nx"):
        assert tool_call(broken) is None


def episode(*steps: tuple[str, str], success: bool = True) -> Episode:
    """From (command, what it showed)."""
    seen = ["Repair it.", *(shown for _, shown in steps)]
    turns = tuple(
        Turn(seen[t], Action(block(command)), Actor.STUDENT, Action(block(command)), 0.0)
        for t, (command, _) in enumerate(steps)
    )
    last = Turn(turns[-1].observation, turns[-1].action, Actor.STUDENT, None, float(success))
    return Episode("k", 0, "", 1, (*turns[:-1], last), Outcome.TERMINATED, seen[-1])


LOOK, EDIT, END = ("cat a.py", "x = 1"), ("sed -i s/1/2/ a.py", "[no output]"), ("submit", "[ok]")
GOOD, BAD = ("pytest", "3 passed"), ("pytest", "1 failed, 2 passed\n[exit status 1]")


@pytest.mark.parametrize(
    ("steps", "reason"),
    [
        ((BAD, LOOK, EDIT, GOOD, END), None),
        ((LOOK, EDIT, BAD, EDIT, GOOD, END), None),
        ((LOOK, ("sed -i s/1/2/ a.py && pytest", "3 passed, 0 failed"), END), None),
        ((EDIT, GOOD, END), "looked at nothing before its first change"),
        ((LOOK, GOOD, END), "changed nothing"),
        ((LOOK, EDIT, END), "ran nothing after its last change"),
        ((LOOK, EDIT, GOOD, EDIT, END), "ran nothing after its last change"),
        ((LOOK, EDIT, BAD, END), "its last run failed"),
        ((LOOK, EDIT, BAD), "its last run failed"),
        ((LOOK, LOOK, LOOK, EDIT, GOOD), "did the same three times on end"),
    ],
)
def test_an_episode_is_lucky_for_a_reason(
    steps: tuple[tuple[str, str], ...], reason: str | None
) -> None:
    assert lucky_because(episode(*steps)) == ((reason,) if reason else ())
    assert grade(episode(*steps)) is (Quality.LUCKY if reason else Quality.SOLID)
    assert grade(episode(*steps, success=False)) is Quality.FAILED


def test_shares_and_weights_go_by_stage_and_rules_can_be_replaced() -> None:
    solid = episode(LOOK, EDIT, GOOD, GOOD, END)
    assert stages(solid) == (READ, CHANGE, RUN, RUN, REST)
    assert stage_shares([solid]) == {READ: 0.2, CHANGE: 0.2, RUN: 0.4, REST: 0.2}
    assert stage_shares([]) == {READ: 0.0, CHANGE: 0.0, RUN: 0.0, REST: 0.0}
    (example,) = imitate([solid], weigh=stage_weights({RUN: 2.0, CHANGE: 0.0}))
    assert [(t.turn, t.weight) for t in example.targets] == [(0, 1.0), (2, 2.0), (3, 2.0)]
    assert set(stages(solid, rules=lambda text: RUN if "pytest" in text else READ)) == {READ, RUN}


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=()), max_size=30))
def test_a_stages_name_goes_on_and_comes_off(text: str) -> None:
    named = name_stage(Action(text, (1, 2), (-0.1, -0.2)))
    if split_stage(text)[0] is None:
        assert split_stage(named.text) == (stage_of(text), text)
        assert named.token_ids is None, "those are the ids of another text"
    assert name_stage(named) == named, "one name is enough"


def test_a_teacher_names_the_stage_before_it_acts() -> None:
    teacher = Staged(Scripted(lambda c: block("pytest") if c.key == "a" else None))
    first, second = teacher.act([Conversation(key, ("x",)) for key in "ab"])
    assert first is not None and first.text == f"Stage: Verification\n{block('pytest')}"
    assert second is None, "a lost label stays lost"
