"""What can be known to fail is refused before anything starts, by the dry run too."""

import re
from pathlib import Path
from typing import Any

import pytest

from baselines.cli import main
from baselines.evidence.results import load_results
from baselines.methods import bundled
from baselines.reporting.report import print_summary, write_report
from baselines.sweep.checks import check
from baselines.sweep.config import Train
from baselines.sweep.sweep_file import read_sweep
from dagger_algo.schedules import Beta
from tests.baselines.sweep.sweeps import TOYS, run, toys

POLE = {"pole": {"id": "CartPole-v1", "train": {}, "heldout": {}}}
QUIET = {"quiet": {"id": "tests.baselines.sweep.quiet_env:QuietRope-v0"}}


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        (
            {"environments": POLE},
            "CartPole-v1 is no text environment: its observation space is Box",
        ),
        ({"trackers": ["tensorbord"]}, "no tracker 'tensorbord'; did you mean 'tensorboard'?"),
        (
            {"methods": ["sft", "opd"]},
            "opd needs a teacher that gives log-probabilities of the student's tokens, and the "
            "expert kind gives none: set teacher.kind local",
        ),
        ({"methods": ["opd", "gkd", "tip"]}, "opd, gkd and tip need a teacher that gives"),
        (
            {"methods": ["opd"], "teacher": {"kind": "local", "checkpoint": "x", "error": 0.5}},
            "and a changed or weakened one gives none",
        ),
        (
            {"methods": ["dagger"], "dagger": {"loss": "mixed_k3"}},
            "dagger needs a teacher that gives log-probabilities of the student's tokens",
        ),
        (
            {"methods": ["dagger"], "dagger": {"gate": "learned:features=hidden"}},
            "dagger: features=hidden looks at a model's hidden states, and TabularPolicy has none",
        ),
        ({"environments": QUIET, "methods": ["sft"]}, "and sft learns from one: give the"),
        (
            {"environments": QUIET, "methods": ["sft", "dagger", "oec"]},
            "and sft, dagger and oec learn from one: give the",
        ),
    ],
)
def test_it_is_refused_in_a_sentence_on_one_line_and_nothing_is_written(
    tmp_path: Path,
    changes: dict[str, Any],
    complaint: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    import yaml

    path = tmp_path / "sweep.yaml"
    path.write_text(yaml.safe_dump({**TOYS, "out": str(tmp_path / "runs"), **changes}))
    for dry in ([], ["--dry-run"]):
        assert main(["compare", "--config", str(path), *dry]) == 2
        said = capsys.readouterr().err
        assert complaint in said and said.count("\n") == 1
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    "text",
    [
        "methods:\n  dagger@l:\n    beta: linear",
        "methods: ['dagger@l: {beta: linear}']",
        "dagger: {beta: linear}\nmethods: {dagger@l: {method: dagger}}",
    ],
)
def test_a_shapes_name_is_a_schedule_wherever_one_stands(tmp_path: Path, text: str) -> None:
    path = tmp_path / "sweep.yaml"
    path.write_text(text)
    config = read_sweep(path)
    check(config)
    # What is not said is as in the settings that it stands in.
    assert config.settings_of("dagger@l").beta == Beta("linear", 0.8, 0.6)


def test_the_help_names_every_bundled_method(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("compare", "train"):
        with pytest.raises(SystemExit):
            main([command, "--help"])
        words = set(re.findall(r"\w+", capsys.readouterr().out))
        assert bundled().keys() <= words
    assert Train().method in bundled()


def test_what_never_ran_has_no_table_and_a_long_error_keeps_its_advice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "wordy.py"
    path.write_text(
        "from baselines.methods import method\n"
        '@method("wordy", {"rounds": 1})\n'
        "def train(run, config):\n"
        '    raise RuntimeError("many words " * 100 + "so take fewer")\n'
    )
    rope = TOYS["environments"]["rope"]
    broken = {**rope, "options": {**rope["options"], "horizon": 5}}
    environments = {"rope": rope, "never": broken}
    config = toys(tmp_path, environments=environments, methods=["sft", str(path)], seeds=1)
    (config.folder / "never" / "vocabulary" / "actions.json").mkdir(parents=True)  # in the way
    run(config)
    said = capsys.readouterr()
    assert said.out.count("failed: ") == 2, "one wordy cell that ran, and the vocabulary"
    assert "2 cells cannot be run, for lack of what vocabulary (never) was to bring" in said.out
    found = load_results(config.folder)
    assert {failure.env for failure in found.failures} == {"rope", "never"}
    write_report(config.folder)

    from rich.console import Console

    print_summary(config.folder, Console(width=80))
    summary = capsys.readouterr().out
    table = (config.folder / "table.md").read_text()
    for text in (summary, table):
        assert "so take fewer" in text and " … " in text
    assert "toys: rope" in summary and "toys: never" not in summary
    assert "| rope |" in table and "| never |" not in table
