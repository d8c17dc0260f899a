"""However a cell fails, the report knows."""

from pathlib import Path

import pytest

from baselines.evidence.results import load_results
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
