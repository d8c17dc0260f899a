"""`python -m baselines diagnose`, from the words of the command line to the verdict."""

import json
from pathlib import Path

import pytest

from baselines.cli import main
from baselines.diagnose import Diagnose
from baselines.sweep.config import Train
from tests.support.chat_server import ChatServer, Request

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


def test_a_served_teacher_is_asked_without_an_expert_and_paid_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The case that it is for: labels cost money, and some are of no use."""

    def reply(request: Request) -> None:
        request.answer("no idea" if request.turn == 2 else "baba")

    def ask(name: str) -> tuple[dict[str, object], str]:
        teacher = ["--teacher.kind", "api", "--teacher.url", server.url, "--teacher.model", "m"]
        teacher += ["--teacher.temperature", "0", "--teacher.price-out", "1000000"]
        table = ["--student.kind", "tabular", "--student.tabular.actions", "baba", "kiti"]
        few = ["--demonstrations.teacher-tokens", "8", "--episodes", "3", "--envs", "2"]
        arguments = ["diagnose", "--env", "tests.baselines.sweep.quiet_env:Talk-v0", *few, *table]
        assert main([*arguments, "--env-options", "--out", str(tmp_path / name), *teacher]) == 0
        return json.loads((tmp_path / name).read_text()), " ".join(capsys.readouterr().out.split())

    with ChatServer(reply) as server:
        found, said = ask("d.json")
        asked = len(server.requests)
        (tmp_path / "d.json").unlink()
        again, repeated = ask("d.json")
        assert asked > 0 and len(server.requests) == asked
    assert found == again and found["verdict"] == "cannot tell yet"
    assert "questions to the teacher, money" in said and "(0.00 paid)" in repeated
    assert "labels lost (" in said and "not among the student's actions" in said


def test_a_local_teacher_is_asked(tmp_path: Path) -> None:
    from dagger_algo.policies.tabular import TabularPolicy, last_line

    TabularPolicy(("baba", "kiti"), state=last_line).save(tmp_path / "table")
    local = ["--teacher.kind", "local", "--teacher.checkpoint", str(tmp_path / "table")]
    table = ["--student.kind", "tabular", "--student.tabular.actions", "baba", "kiti"]
    few = ["--demonstrations.teacher-tokens", "8", "--episodes", "3", "--env-options"]
    env = ["--env", "tests.baselines.sweep.quiet_env:Talk-v0"]
    out = ["--out", str(tmp_path / "d.json")]
    assert main(["diagnose", *env, *few, *table, *local, *out]) == 0


def test_it_asks_about_the_environment_that_train_trains_in() -> None:
    ours, theirs = Diagnose(), Train()
    for name in ("env", "env_options", "train_options", "heldout_options", "envs", "teacher"):
        assert getattr(ours, name) == getattr(theirs, name), name


def test_its_help_shows_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["diagnose", "--help"])
    said = capsys.readouterr().out
    assert "python -m baselines diagnose --env swe_gym_env:Tightrope-v0 --env-options" in said


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--episodes", "0"], "--episodes must be at least 1"),
        (["--margin", "2"], "between 0 and 1"),
        (["--env-options", "horizon"], "NAME=VALUE"),
        (["--env", "Nope-v0"], "error: cannot make the environment Nope-v0: "),
        (["--env", "tests.baselines.sweep.quiet_env:Talk-v0", "--env-options"], "has no expert"),
        (["--teacher.kind", "local"], "a local teacher needs teacher.checkpoint"),
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
