"""What cannot work is said in a sentence, and what fails alone fails alone."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baselines.cli import main
from baselines.evidence.results import load_results
from baselines.sweep.compare import compare
from baselines.sweep.settings import overlay
from baselines.sweep.sweep_file import read_sweep, sweep
from dagger_algo.dagger import DaggerConfig
from dagger_algo.errors import ConfigError
from tests.baselines.sweep.sweeps import TOYS, run, toys

QUIET = {"quiet": {"id": "tests.baselines.sweep.quiet_env:QuietRope-v0"}}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("sedes: 3", r"line 1: unknown key 'sedes'; did you mean 'seeds'\?"),
        ("seeds: 2\nstudent:\n  lerner: {}", r"line 3: student: unknown key .*'learner'"),
        ("methods:\n  sft:\n    epoch: 3", r"line 3: unknown key 'epoch'; did you mean 'epochs'"),
        ("methods:\n  dagger@l:\n    beta:\n      shap: x", r"line 4: beta: .*'shape'"),
        ("methods:\n  dagger@l:\n    beta:\n      shape: lin", r"line 4: beta.shape: .*'linear'"),
        ("methods:\n  sft:\n  dager:", r"line 3: unknown method 'dager'; did you mean 'dagger'"),
        ("seeds: many", r"line 1: seeds: .*valid integer.*'many'"),
        ("seeds: 1\nseeds: 2", r"line 2: seeds was given on line 1 already"),
        ("environments:\n  a: {idd: x}", r"line 2: unknown key 'idd'; did you mean 'id'"),
        ("environments:\n  a: {horizon: 3}", r"line 2: environment 'a' needs an id"),
        ("budgets:\n  a: {env_steps: 3}", r"line 2: budget 'a' does not say its teacher_tokens"),
        ("budgets:\n  a: {env_steps: 0, teacher_tokens: 9}", r"line 2: budget.env_steps must be"),
        (
            "methods:\n  sft:\n    budget: {env_steps: 9}",
            r"line 2: method 'sft' asks for a budget of its own: all methods .* get the same",
        ),
        (
            "methods:\n  sft:\n  dagger: 3",
            r"line 3: method 'dagger': expected settings by name, not 3$",
        ),
        ("methods: {dagger: [1]}", r"line 1: method 'dagger': expected settings by name, not \[1"),
        ("methods: {dagger: 0}", r"method 'dagger': expected settings by name, not 0$"),
        ("methods: ['dagger: 3']", r"method 'dagger': expected settings by name, not 3$"),
        ("methods: [sft, {dagger: 3}]", r"method 'dagger': expected settings by name, not 3$"),
        ("methods:\n  grpo:\n    group: 1", r"line 2: group must be at least 2, not 1"),
        ("methods: {'a/b': {method: sft}}", r"'a/b' cannot be a label"),
        ("betas: [linaer]", r"unknown key 'linaer'; did you mean 'linear'"),
        ("env: a\nenvironments: {a: b}", r"both env and environments are given"),
        ("budget: {env_steps: 9}\nbudgets: {a: {env_steps: 9, teacher_tokens: 9000}}", r"both bud"),
        ("- 1", r"expected settings by name"),
        ("a: [", r"is not YAML"),
        ("student: {lora: {rank: 4}}", r"line 1: student: student.lora needs a student.checkpoint"),
        ("methods: [sft]\nsft: {round: 3}", r"line 2: sft: unknown key 'round'.* 'rounds'"),
        ("seeds: 1\nrft: {rounds: 3}", r"line 2: .*settings of rft go under methods:"),
        ("teacher: {kind: api}", r"line 1: teacher: a served teacher needs teacher.url"),
    ],
)
def test_a_mistake_in_the_file_is_named_with_its_line(
    tmp_path: Path, text: str, complaint: str
) -> None:
    path = tmp_path / "sweep.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=complaint):
        read_sweep(path)


def test_the_command_line_says_so_too_and_wins_over_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "sweep.yaml"
    path.write_text("seedz: 3")
    for named in (["--config", str(path)], [str(path)]):
        assert main(["compare", *named]) == 2
        assert "did you mean 'seeds'?" in " ".join(capsys.readouterr().err.split())
    path.write_text("seeds: 3\nmethods: [sft]\nenv: no:Such-v0")
    assert main(["compare", "--config", str(path), "--methods", "sfd"]) == 2
    assert "did you mean 'sft'?" in " ".join(capsys.readouterr().err.split())
    assert main(["compare", "--config", str(tmp_path / "none.yaml")]) == 2
    assert "there is no file" in " ".join(capsys.readouterr().err.split())


@settings(deadline=None, max_examples=60)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["rounds", "beta", "shape", "labels", "x"]), inner)
        ),
        max_leaves=8,
    )
)
def test_whatever_data_come_the_answer_is_settings_or_a_sentence(data: Any) -> None:
    try:
        assert isinstance(overlay(DaggerConfig(), data), DaggerConfig)
        sweep({"dagger": data})
    except ConfigError as error:
        assert str(error)


def test_without_an_expert_the_imitators_refuse_and_reinforcement_goes_on(tmp_path: Path) -> None:
    student = {"kind": "tabular", "tabular": {"actions": ["baba", "diza"]}}
    config = toys(
        tmp_path, environments=QUIET, methods=["sft", "dagger", "grpo"], seeds=1, student=student
    )
    run(config)
    found = load_results(config.folder)
    assert [row.round for row in found.rows if row.method == "grpo"][-1] >= 1
    assert {failure.method for failure in found.failures} == {"sft", "dagger"}
    for failure in found.failures:
        assert "has no expert" in failure.error and "expert" in failure.error
    assert "has no expert" in (config.folder / "results.jsonl").read_text()


def test_without_an_expert_imitators_alone_are_refused_before_anything_starts(
    tmp_path: Path,
) -> None:
    config = toys(tmp_path, environments=QUIET)
    with pytest.raises(ConfigError, match=r"QuietRope-v0 has no expert .* sft and dagger learn"):
        compare(config)
    assert not config.folder.exists()


def test_a_budget_that_the_warm_start_uses_up_is_said_to_be_too_small(tmp_path: Path) -> None:
    budgets = {"tiny": {"env_steps": 5, "teacher_tokens": 40}}
    config = toys(tmp_path, budgets=budgets, seeds=1, methods=["sft"])
    run(config)
    [failure] = load_results(config.folder).failures
    assert "the warm start has spent" in failure.error
    assert "which leaves nothing for a round: raise the budget" in failure.error


def test_a_budget_in_which_no_episode_ends_is_too_small_for_reinforcement(tmp_path: Path) -> None:
    budgets = {"tiny": {"env_steps": 12, "teacher_tokens": 40}}
    config = toys(tmp_path, budgets=budgets, seeds=1, methods=["grpo"], envs=4)
    run(config)
    [failure] = load_results(config.folder).failures
    assert "too small for one round" in failure.error


def test_cells_whose_start_failed_are_on_the_record_with_its_error(tmp_path: Path) -> None:
    student = {"kind": "tabular", "tabular": {"actions": ["no", "such"]}}
    config = toys(tmp_path, student=student, seeds=1)
    run(config)
    failures = load_results(config.folder).failures
    assert {failure.method for failure in failures} == {"sft", "dagger"}
    assert all("warm start, seed 0 (rope) failed" in failure.error for failure in failures)
    assert all("the table has no action" in failure.error for failure in failures)


def test_a_method_that_crashes_in_one_cell_loses_no_other(tmp_path: Path) -> None:
    path = tmp_path / "shaky.py"
    path.write_text(
        "from baselines.methods import method\n"
        "from baselines.sft import SFTConfig, train as sft\n"
        '@method("shaky", SFTConfig(rounds=1))\n'
        "def train(run, config):\n"
        "    if run.seed == 1:\n"
        "        raise RuntimeError('on purpose')\n"
        "    sft(run, config)\n"
    )
    config = toys(tmp_path, methods=["sft", str(path)])
    run(config)
    found = load_results(config.folder)
    [failure] = found.failures
    assert (failure.method, failure.seed) == ("shaky", 1) and "on purpose" in failure.error
    part = found.at("rope", "small")
    assert sorted(part.final("sft")) == [0, 1] and sorted(part.final("shaky")) == [0]
    path.write_text(path.read_text().replace("run.seed == 1", "False"))
    with pytest.raises(ConfigError, match=r"version of the method's file was .* shaky, seed 0"):
        compare(config)
    crashed = found.cell_folder("rope", "small", 1, "shaky")
    assert (crashed / "done.json").exists(), "what is refused is left as it was"


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("def broken(:", "cannot be imported: SyntaxError"),
        ("x = 1", "must register exactly one method, and registers 0"),
    ],
)
def test_a_file_without_a_method_is_refused(tmp_path: Path, source: str, complaint: str) -> None:
    path = tmp_path / "mine.py"
    path.write_text(source)
    with pytest.raises(ConfigError, match=complaint):
        compare(toys(tmp_path, methods=[str(path)]))


def test_a_changed_method_file_is_not_taken_for_the_one_that_was_run(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(
        "from baselines.methods import method\n"
        '@method("mine", {"rounds": 1})\n'
        "def train(run, config):\n"
        "    run.collect(1, run.share(1, 1), teacher=run.teacher)\n"
        "    run.report(1)\n"
    )
    config = toys(tmp_path, methods=[str(path)], seeds=1)
    compare(config)
    path.write_text(path.read_text() + "# a remark\n")
    with pytest.raises(ConfigError, match="version of the method's file was"):
        compare(config)


def test_naming_the_commands_imports_no_method() -> None:
    code = (
        "import sys, baselines.methods as m; m.bundled()\n"
        "print([n for n in sys.modules if n in ('torch', 'baselines.grpo')], len(m.bundled()) > 3)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=dict(os.environ)
    )
    assert done.stdout.split("\n")[0] == "[] True", done.stderr
    assert TOYS["methods"] == ["sft", "dagger"]
