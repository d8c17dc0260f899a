"""An answer that the environment cannot read is no label: the environment is asked."""

import itertools
import re
from pathlib import Path
from typing import Any

import pytest

from baselines.sweep.cell import open_teacher
from baselines.sweep.plan import VOCABULARY, Job
from dagger_algo.conversation import Conversation
from dagger_algo.store import read
from dagger_algo.teachers.bills import losses
from tests.baselines.sweep.quiet_env import StrictTalk
from tests.baselines.sweep.sweeps import ROPE, run, toys
from tests.support.chat_server import ChatServer
from tests.support.echo import echo_policy, tokenizer

CALLS = {
    "bash_block": "I look.\n```bash\nls\n```",
    "hermes": '<tool_call>\n{"name": "bash", "arguments": {"command": "ls"}}\n</tool_call>',
    "qwen_coder": "<tool_call>\n<function=bash>\n<parameter=command>\nls\n</parameter>\n"
    "</function>\n</tool_call>",
}
BROKEN = {
    "bash_block": [f"```{mark}\nls\n```" for mark in ("console", "shell", "")]
    + ["```bash\nls", "```bash\nls\n```\n```bash\nls\n```"],
    "hermes": [CALLS["hermes"].replace("</tool_call>", ""), CALLS["hermes"] * 2],
    "qwen_coder": [CALLS["qwen_coder"].replace("</function>\n", ""), CALLS["qwen_coder"] * 2],
}
GARBAGE = "lol what"
REPAIR = "swe_gym_env:RepairToy-v0"
OWN = "tests.baselines.sweep.quiet_env:"
LOST = "unreadable by the environment"
STATE = Conversation("k", ("look around",))


def asked(
    out: Path, teacher: Any, environment: Any, state: Conversation = STATE
) -> tuple[str | None, dict[str, int]]:
    """What the teacher of a sweep answers, and what was lost for which reason."""
    about = {"teacher": teacher, "student": {"kind": "lm"}, "environments": {"e": environment}}
    with open_teacher(toys(out, **about), Job(VOCABULARY, 0, "e")) as policy:
        [answer] = policy.act([state])
        return answer.text if answer else None, dict(losses(policy))


def served(out: Path, answer: str, environment: Any, **settings: Any) -> Any:
    """The same of a served teacher that always gives this answer."""
    with ChatServer(lambda r: r.answer(answer)) as server:
        teacher = {"kind": "api", "url": server.url, "model": "m", **settings}
        return asked(out, teacher, environment)


@pytest.mark.parametrize("wanted", CALLS)
@pytest.mark.parametrize("written", [*CALLS, None])
def test_an_answer_in_another_syntax_than_the_environments_is_a_lost_label(
    wanted: str, written: str | None, tmp_path: Path
) -> None:
    text = CALLS[written] if written else GARBAGE
    environment = {"id": REPAIR, "options": {"tool_format": wanted}}
    told = (text, {}) if written == wanted else (None, {LOST: 1})
    assert served(tmp_path, text, environment) == told
    assert served(tmp_path, text, environment, unchecked=True) == (text, {})


@pytest.mark.parametrize(("wanted", "text"), [(w, text) for w in BROKEN for text in BROKEN[w]])
def test_a_call_that_the_environment_would_refuse_is_a_lost_label(
    wanted: str, text: str, tmp_path: Path
) -> None:
    environment = {"id": REPAIR, "options": {"tool_format": wanted}}
    assert served(tmp_path, text, environment) == (None, {LOST: 1})


@pytest.mark.parametrize("text", [GARBAGE, *CALLS.values()])
@pytest.mark.parametrize(
    ("environment", "readable"),
    [
        ({"id": REPAIR}, [CALLS["qwen_coder"]]),
        ({"id": f"{OWN}StrictTalk-v0"}, [CALLS["bash_block"]]),
        ({"id": f"{OWN}StrictTalk-v0", "train": {"tool_format": "hermes"}}, [CALLS["hermes"]]),
        ({"id": f"{OWN}Fenced-v0"}, [GARBAGE]),
        ({"id": f"{OWN}Talk-v0"}, None),
        (ROPE, None),
    ],
)
def test_what_an_environment_can_read_it_says_itself_or_else_anything_goes(
    environment: Any, readable: list[str] | None, text: str, tmp_path: Path
) -> None:
    told = (text, {}) if readable is None or text in readable else (None, {LOST: 1})
    assert served(tmp_path, text, environment) == told
    assert StrictTalk.opened == 0


def test_the_environments_own_expert_says_what_it_likes(tmp_path: Path) -> None:
    said = Conversation("k", ("o",), info={"expert_action": "baba"})
    assert asked(tmp_path, {"kind": "expert"}, {"id": REPAIR}, said) == ("baba", {})


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A tiny model as a user might bring one."""
    folder = tmp_path_factory.mktemp("student")
    echo_policy(tokenizer()).save(folder)
    return {"checkpoint": str(folder), "sampling": {"max_new_tokens": 4}}


def talk(out: Path, student: Any, server: ChatServer) -> list[dict[str, Any]]:
    """The results of DAgger with this teacher, where calls are bash blocks."""
    environment = {"id": f"{OWN}StrictTalk-v0"}
    config = toys(
        out,
        seeds=1,
        workers=1,
        methods=["dagger"],
        environments={"talk": {**environment, "options": {"tool_format": "bash_block"}}},
        budgets={"small": {"env_steps": 200, "teacher_tokens": 8_000}},
        warm_start={"teacher_tokens": 2_000, "epochs": 1},
        student=student,
        teacher={"kind": "api", "url": server.url, "model": "m"},
    )
    return run(config)


def test_a_round_says_why_its_labels_were_lost_and_so_does_the_last_line(
    student: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = itertools.cycle([CALLS["bash_block"], CALLS["qwen_coder"], GARBAGE])
    with ChatServer(lambda r: r.answer(next(answers))) as server:
        rows = talk(tmp_path, student, server)
    assert [row["round"] for row in rows] == [0, 1, 2], rows[-1]
    for row in rows:
        assert 0 < row["labels_lost"] < row["teacher_queries"]
        assert row["lost_because"] == {LOST: row["labels_lost"]}
    lost = f"{rows[-1]['labels_lost']:,} {LOST})"
    done = [line for line in capsys.readouterr().out.split("[") if "dagger, seed 0" in line][-1]
    assert ": done, " in done and lost in " ".join(done.split())


def test_a_teacher_of_garbage_alone_fails_with_what_was_wrong_and_keeps_the_episodes(
    student: Any, tmp_path: Path
) -> None:
    with ChatServer(lambda r: r.answer(GARBAGE)) as server:
        [row] = talk(tmp_path, student, server)
    assert "nothing to learn from" in row["error"]
    assert re.search(rf"(\d+) of \1 labels lost \(\1 {LOST}\)", row["error"])
    [store] = tmp_path.rglob("warm-start/*/episodes.jsonl")
    assert {turn.label for episode in read(store) for turn in episode.turns} == {None}
