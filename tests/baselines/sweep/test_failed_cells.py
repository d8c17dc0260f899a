"""However a cell fails, the report knows."""

import json
from pathlib import Path
from typing import Any

import pytest

from baselines.evidence.results import load_results
from baselines.sweep.compare import refuse_other_settings
from baselines.sweep.config import Compare
from baselines.sweep.plan import Job
from dagger_algo.errors import ConfigError
from tests.baselines.sweep.sweeps import run, started, toys

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
    budgets = {"tiny": {"env_steps": 10, "teacher_tokens": 40}}
    config = toys(tmp_path, budgets=budgets, seeds=1, methods=["rft"], envs=4)
    run(config)
    [failure] = load_results(config.folder).failures
    assert "too small for one round: no episode came to its end" in failure.error


CRASHES = """
from baselines.methods import method
from baselines.sft import SFTConfig, train as sft

@method("mine", SFTConfig(rounds=1))
def train(run, config):
    raise RuntimeError("on purpose")
"""
MENDED = CRASHES.replace('raise RuntimeError("on purpose")', "sft(run, config)")


def crashing(folder: Path, **settings: Any) -> Compare:
    """SFT beside a method of a file, with these settings."""
    methods = {"sft": None, "mine": {"method": str(folder / "mine.py"), **settings}}
    return toys(folder, methods=methods)


def test_a_method_that_crashed_is_mended_and_run_by_the_same_command(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(CRASHES)
    config = crashing(tmp_path)
    run(config)
    assert [failure.seed for failure in load_results(config.folder).failures] == [0, 1]
    before = {name: at for name, at in started(config).items() if "mine" not in name}
    cells = [Job("mine", seed, "rope", "small") for seed in (0, 1)]
    first, second = (job.folder(config) for job in cells)
    assert refuse_other_settings(config) == []
    assert refuse_other_settings(crashing(tmp_path, rounds=2)) == cells, "so are its settings"

    path.write_text(MENDED)
    # As a comparison leaves them that was stopped when it tried again: the one before it came to
    # the cell, the other within the cell.
    (first / "done.json").unlink()
    (second / "done.json").unlink()
    about = json.loads((second / "cell.json").read_text())
    (second / "cell.json").write_text(json.dumps({**about, "status": "running"}))
    assert refuse_other_settings(config) == cells
    (second / "rounds.jsonl").write_text("{}\n")
    with pytest.raises(ConfigError, match=r"version of the method's file was .*mine, seed 1"):
        refuse_other_settings(config)
    (second / "rounds.jsonl").write_text("")

    (first / "of-the-crash").touch()
    run(config)
    found = load_results(config.folder)
    assert not found.failures and sorted(found.at("rope", "small").final("mine")) == [0, 1]
    assert not (first / "of-the-crash").exists()
    assert before.items() <= started(config).items(), "the others are not run again"
    with pytest.raises(ConfigError, match=r"mine\.rounds was 1 and is now 2"):
        refuse_other_settings(crashing(tmp_path, rounds=2))


def test_a_cell_that_never_failed_is_not_begun_anew_with_other_settings(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(CRASHES)
    config = crashing(tmp_path)
    run(config)
    for seed in (0, 1):  # as if stopped in their first round
        folder = Job("mine", seed, "rope", "small").folder(config)
        (folder / "done.json").unlink()
        about = json.loads((folder / "cell.json").read_text())
        (folder / "cell.json").write_text(json.dumps({**about, "status": "running"}))
    path.write_text(MENDED)
    with pytest.raises(ConfigError, match="version of the method's file was"):
        refuse_other_settings(config)
