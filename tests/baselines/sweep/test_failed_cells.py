"""However a cell fails, the report knows; and by default nobody fits more often than others."""

from pathlib import Path

import pytest

from baselines.evidence.results import load_results
from baselines.sweep.config import Compare
from baselines.sweep.sweep_file import read_sweep
from dagger_algo.errors import ConfigError
from tests.baselines.sweep.sweeps import run, toys

MUTE = {"mute": {"id": "tests.baselines.sweep.quiet_env:MuteRope-v0"}}
COLLECTED = "run.collect(1, run.share(1, 1), teacher=run.teacher)"


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("os.kill(os.getpid(), 9)", "its process ended without a word"),
        ("raise SystemExit(3)", "its process ended without a word"),
        (COLLECTED, "mine reported no round and ended"),
        ("run.report(1)", "mine rolled no episode and ended with budget left"),
    ],
    ids=["killed", "left", "no round", "no episode"],
)
def test_a_cell_that_ends_in_any_other_way_has_failed(
    tmp_path: Path, body: str, complaint: str
) -> None:
    path = tmp_path / "mine.py"
    path.write_text(
        "import os\nfrom baselines.methods import method\n"
        f'@method("mine", None)\ndef train(run, config):\n    {body}\n'
    )
    config = toys(tmp_path, methods=["sft", str(path)], seeds=1)
    run(config)
    found = load_results(config.folder)
    [failure] = found.failures
    assert failure.method == "mine" and complaint in failure.error
    assert found.final("sft")


def test_an_expert_that_never_says_a_word_is_none(tmp_path: Path) -> None:
    student = {"kind": "tabular", "tabular": {"actions": ["baba", "diza"]}}
    methods = ["sft", "grpo"]
    config = toys(tmp_path, environments=MUTE, methods=methods, seeds=1, student=student)
    run(config)
    found = load_results(config.folder)
    [failure] = found.failures
    assert failure.method == "sft" and 'its info says no "expert_action"' in failure.error
    assert found.final("grpo")


def test_demonstrations_without_an_end_are_nothing_to_rft(tmp_path: Path) -> None:
    budgets = {"tiny": {"env_steps": 12, "teacher_tokens": 40}}
    config = toys(tmp_path, budgets=budgets, seeds=1, methods=["rft"], envs=4)
    run(config)
    [failure] = load_results(config.folder).failures
    assert "too small for one round: no episode came to its end" in failure.error


def test_who_is_not_told_otherwise_fits_as_often_as_sft() -> None:
    config = Compare()
    for name in ("rft", "srft", "expert_iteration"):
        settings = config.base(name)
        assert (settings.rounds, settings.epochs) == (config.sft.rounds, config.sft.epochs)
    assert config.base("sft_rlvr").sft == config.sft
    assert config.base("dagger_rlvr").dagger == config.dagger


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("methods: [sft]\nsft: {round: 3}", r"line 2: sft: unknown key 'round'.* 'rounds'"),
        ("seeds: 1\nrft: {rounds: 3}", r"line 2: .*settings of rft go under methods:"),
    ],
)
def test_a_mistake_in_a_methods_section_is_named_with_its_line(
    tmp_path: Path, text: str, complaint: str
) -> None:
    path = tmp_path / "sweep.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=complaint):
        read_sweep(path)
