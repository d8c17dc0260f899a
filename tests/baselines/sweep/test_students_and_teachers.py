"""Students and teachers of a comparison: tables, checkpoints with adapters, weak, local, served."""

import json
from pathlib import Path
from typing import Any

import pytest

from baselines.cli import _parse
from baselines.sweep.compare import compare
from baselines.sweep.config import Compare
from dagger_algo.conversation import Action, Conversation
from dagger_algo.errors import ConfigError
from dagger_algo.examples import Example, Target
from dagger_algo.policies.scripted import ExpertTeacher
from dagger_algo.store import read
from tests.baselines.sweep.quiet_env import QuietRope
from tests.baselines.sweep.sweeps import run, toys
from tests.support.chat_server import ChatServer, Request

SMALL = {"envs": 2, "heldout_episodes": 2, "seeds": 1, "methods": ["dagger"]}
SAMPLING = {"max_new_tokens": 6}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model as a user might bring one."""
    from dagger_algo.lm.tiny import TinyConfig, tiny_model, train_tokenizer
    from dagger_algo.policies.lm import LMPolicy

    folder = tmp_path_factory.mktemp("model")
    tokenizer = train_tokenizer(["rope: baba\n", "pit: kiti\n"], 280)
    model = tiny_model(tokenizer, TinyConfig(width=32, layers=1, heads=2), seed=0)
    policy = LMPolicy(model, tokenizer)
    said = Action("baba")
    seen = [QuietRope().reset(seed=seed)[0] for seed in range(3)] + ["rope: kiti", "pit: baba"]
    policy.update([Example((o,), (said,), (Target(0, said, 1.0),)) for o in seen], epochs=30)
    policy.save(folder)
    return folder


def labels(config: Any) -> list[tuple[str, str]]:
    """Observation and label of every labelled turn of the DAgger cell."""
    [path] = config.folder.rglob("dagger/episodes.jsonl")
    return [
        (turn.observation.splitlines()[-1], turn.label.text)
        for episode in read(path)
        for turn in episode.turns
        if turn.label is not None
    ]


def test_a_checkpoint_is_trained_through_adapters_alone(tmp_path: Path, checkpoint: Path) -> None:
    student = {"checkpoint": str(checkpoint), "lora": {"rank": 2}, "sampling": SAMPLING}
    config = toys(tmp_path, **SMALL, student=student)
    rows = run(config)
    assert [row["round"] for row in rows] == [0, 1, 2]
    assert rows[-1]["optimizer_steps"] > rows[0]["optimizer_steps"] > 0
    [saved] = config.folder.rglob("dagger/checkpoint")
    assert (saved / "adapter_config.json").exists()
    assert not (saved / "model.safetensors").exists()
    assert not list(config.folder.rglob("vocabulary"))


def test_every_cell_shows_what_it_trains_on(
    tmp_path: Path, checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    student = {"checkpoint": str(checkpoint), "sampling": SAMPLING}
    config = toys(tmp_path, **SMALL, student=student)
    run(config)
    files = sorted(config.folder.rglob("lint.txt"))
    assert {path.parent for path in files} == {
        p.parent for p in config.folder.rglob("rounds.jsonl")
    }
    for path in files:
        text = path.read_text()
        assert "⟦" in text and "tokens of" in text and "FAILED" not in text
    lines = [line for line in capsys.readouterr().out.splitlines() if "lint.txt" in line]
    assert len(lines) == 1 and str(files[-1]) in lines[0]


def test_variables_of_the_template_belong_to_the_run(tmp_path: Path, checkpoint: Path) -> None:
    student = {"checkpoint": str(checkpoint), "sampling": SAMPLING}
    teacher = {"kind": "local", "checkpoint": str(checkpoint), "max_tokens": 8}
    variables = {"template": {"enable_thinking": False}}
    both = {"student": {**student, **variables}, "teacher": {**teacher, **variables}}
    config = toys(tmp_path, **SMALL, **both)
    assert all("error" not in row for row in run(config))
    [saved] = config.folder.rglob("dagger/checkpoint")
    assert json.loads((saved / "template_variables.json").read_text()) == variables["template"]
    with pytest.raises(ConfigError, match=r"student\.template\.\w+ was False and is now"):
        compare(toys(tmp_path, **SMALL, **{**both, "student": student}))


def test_variables_of_the_template_are_an_object_on_the_command_line() -> None:
    words = ["compare", "--student.checkpoint", "org/model"]
    found = _parse([*words, "--student.template", '{"enable_thinking": false}'])
    assert isinstance(found, Compare) and found.student.template == {"enable_thinking": False}


def test_a_local_teacher_needs_no_expert(tmp_path: Path, checkpoint: Path) -> None:
    environments = {"quiet": {"id": "tests.baselines.sweep.quiet_env:QuietRope-v0"}}
    student = {"checkpoint": str(checkpoint), "sampling": SAMPLING}
    teacher = {"kind": "local", "checkpoint": str(checkpoint), "max_tokens": 8}
    config = toys(tmp_path, **SMALL, environments=environments, student=student, teacher=teacher)
    rows = run(config)
    assert all("error" not in row for row in rows), rows[-1]
    assert rows[-1]["teacher_queries"] > 0


def test_a_served_teacher_is_paid_once_for_each_answer(tmp_path: Path) -> None:
    environments = {"quiet": {"id": "tests.baselines.sweep.quiet_env:QuietRope-v0"}}
    student = {"kind": "tabular", "tabular": {"actions": ["baba", "kiti"]}}

    def answer(request: Request) -> None:
        request.answer("baba" if len(request.messages) < 4 else "something else")

    with ChatServer(answer) as server:
        teacher = {"kind": "api", "url": server.url, "model": "m", "temperature": 0}
        config = toys(
            tmp_path,
            **{**SMALL, "methods": ["dagger", "sft"], "workers": 1, "envs": 1},
            environments=environments,
            budgets={"large": {"env_steps": 60, "teacher_tokens": 400}},
            student=student,
            teacher={**teacher, "price_out": 1e6},
        )
        rows = run(config)
        asked = len(server.requests)
        assert run(config) == rows and len(server.requests) == asked
    assert all("error" not in row for row in rows), rows[-1]
    assert all(row["labels_lost"] > 0 for row in rows), "what the table cannot say is no label"
    last = [row for row in rows if row["round"] == 2]
    assert 0 < asked < sum(row["teacher_queries"] for row in last)
    assert (config.folder / "teacher-answers.jsonl").exists()


def test_a_weak_expert_errs_as_often_as_it_is_told_to(tmp_path: Path) -> None:
    big = {"large": {"env_steps": 900, "teacher_tokens": 600}}
    good = toys(tmp_path, **SMALL, budgets=big, name="good")
    weak = toys(tmp_path, **SMALL, budgets=big, name="weak", teacher={"error": 0.3})
    run(good), run(weak)
    right = dict(labels(good))
    told = [(state, label) for state, label in labels(weak) if state in right]
    wrong = sum(right[state] != label for state, label in told)
    assert len(told) > 300 and 0.22 < wrong / len(told) < 0.38
    [actions] = weak.folder.rglob("actions.json")
    assert {label for _, label in told} <= set(json.loads(actions.read_text()))


def test_a_table_of_another_comparison_teaches(tmp_path: Path) -> None:
    compare(toys(tmp_path, seeds=1, methods=["sft"], name="first"))
    [table] = (tmp_path / "first").rglob("sft/checkpoint")
    teacher = {"kind": "local", "checkpoint": str(table), "temperature": 0}
    config = toys(tmp_path, **SMALL, teacher=teacher)
    rows = run(config)
    assert all("error" not in row for row in rows), rows[-1]
    saved = json.loads((table / "table.json").read_text())
    for state, label in labels(config):
        if state in saved["table"]:
            assert label == saved["actions"][max(range(8), key=saved["table"][state].__getitem__)]
    distilled = toys(tmp_path, **{**SMALL, "methods": ["opd"]}, teacher=teacher, name="opd")
    rows = run(distilled)
    assert all("error" not in row for row in rows), rows[-1]
    assert rows[-1]["teacher_queries"] > rows[0]["teacher_queries"]


def test_an_expert_is_asked_about_info_alone() -> None:
    state = Conversation("k", ("o",), (), {"expert_action": "go"})
    [answer] = ExpertTeacher().act([state])
    assert answer is not None and answer.text == "go"


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"teacher": {"kind": "local"}}, "a local teacher needs teacher.checkpoint"),
        ({"teacher": {"kind": "local", "checkpoint": "./no"}}, "there is no teacher's checkpoint"),
        ({"teacher": {"error": 1.5}}, "probability between 0 and 1"),
        ({"student": {"kind": "tabular", "checkpoint": "x"}}, "starts from no checkpoint"),
        ({"student": {"template": {"a": 1}}}, "student.template is for the chat template of a"),
        ({"teacher": {"template": {"a": 1}}}, "teacher.template is for a local teacher"),
        ({"student": {"kind": "tabluar"}}, "student.kind: .*'lm' or 'tabular'.*'tabluar'"),
    ],
)
def test_settings_that_do_not_fit_are_refused(
    tmp_path: Path, changes: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ConfigError, match=complaint):
        compare(toys(tmp_path, **changes))
    assert not (tmp_path / "toys").exists()
