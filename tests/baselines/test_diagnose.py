"""`python -m baselines diagnose`, from the words of the command line to the verdict."""

import json
from pathlib import Path

import pytest

from baselines.cli import main

SMALL = [
    "--student.tokenizer-episodes",
    "10",
    "--student.tiny.layers",
    "1",
    "--student.tiny.width",
    "32",
    "--student.tiny.heads",
    "2",
    "--student.sampling.max-new-tokens",
    "4",
    "--demonstrations.epochs",
    "1",
]


def diagnosed(path: Path, *words: str) -> dict[str, object]:
    arguments = ["diagnose", "--env", "swe_gym_env:Tightrope-v0", "--out", str(path), *words]
    assert main([*arguments, *SMALL]) == 0
    found: dict[str, object] = json.loads(path.read_text())
    return found


def test_a_student_on_the_closed_pit_has_nothing_to_gain(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--env-options", "recoverable=false", "horizon=4", "cues=4", "actions=3"]
    tokens = ["--demonstrations.teacher-tokens", "60", "--episodes", "50"]
    found = diagnosed(tmp_path / "d.json", *options, *tokens)
    said = " ".join(capsys.readouterr().out.split())
    assert found["verdict"] == "nothing to gain" and "errors cannot be undone" in said
    assert "success of the teacher │ 1.00 │ 0.93 to 1.00 │ 50" in said
    assert found["u_turns"] == {"mean": None, "low": None, "high": None, "tasks": 0}


def test_few_tasks_give_no_verdict_and_a_checkpoint_is_taken_as_it_is(tmp_path: Path) -> None:
    from dagger_algo.lm.tiny import TinyConfig, tiny_model, train_tokenizer
    from dagger_algo.policies.lm import LMPolicy

    tokenizer = train_tokenizer(["rope: baba\n", "pit: kiti\n"], 280)
    model = tiny_model(tokenizer, TinyConfig(width=32, layers=1, heads=2), seed=0)
    LMPolicy(model, tokenizer).save(tmp_path / "model")
    checkpoint = ["--student.checkpoint", str(tmp_path / "model")]
    untouched = ["--demonstrations.teacher-tokens", "0", "--episodes", "3"]
    options = ["--env-options", "horizon=3"]
    found = diagnosed(tmp_path / "d.json", *checkpoint, *untouched, *options)
    assert found["verdict"] == "cannot tell yet" and found["more"] == 7
    rates = found["rates"]
    assert isinstance(rates, dict) and rates["teacher's"]["states"] >= 9


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--episodes", "0"], "--episodes must be at least 1"),
        (["--margin", "2"], "between 0 and 1"),
        (["--env-options", "horizon"], "NAME=VALUE"),
    ],
)
def test_wrong_usage_is_a_sentence(
    words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code: object = main(["diagnose", *words])
    except SystemExit as left:
        code = left.code
    assert code == 2
    assert says in " ".join(capsys.readouterr().err.split())
