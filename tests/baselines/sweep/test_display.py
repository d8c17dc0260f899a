"""What a log says where there is no terminal."""

import io
import re
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from baselines.cli import main
from baselines.sweep import display as module
from baselines.sweep.display import Display
from baselines.sweep.plan import WARM, Job, jobs
from tests.baselines.sweep.sweeps import TOYS, toys


class Clock:
    now = 0.0

    def monotonic(self) -> float:
        return self.now


def message(steps: int, phase: str = "collecting", **more: Any) -> dict[str, Any]:
    return {"phase": phase, "env_steps": steps, "teacher_tokens": 8, **more}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(module, "time", made)
    return made


def test_a_line_of_a_round_or_a_cell_says_how_much_time_is_left(
    tmp_path: Path, clock: Clock
) -> None:
    out = io.StringIO()
    config = toys(tmp_path, seeds=1)  # of 60 steps
    planned = jobs(config)
    sft, dagger = (Job(name, 0, "rope", "small") for name in ("sft", "dagger"))
    with Display(config, planned, Console(file=out, width=40)) as shown:
        shown.hear(sft, message(20))
        clock.now = 60.0
        shown.hear(sft, message(30, "round", round=1, success=0.5))
        assert out.getvalue().endswith("8 teacher tokens, about 3:00 left\n")
        clock.now = 240.0
        shown.hear(sft, message(60, "round", round=2, success=0.5))
        assert out.getvalue().endswith("8 teacher tokens\n"), "nothing is left of it"
        shown.done(sft)
        # One of two cells took four minutes.
        assert out.getvalue().endswith(
            "sft, seed 0 (rope, small): done, 1 of 2 cells, about 4:00 left\n"
        )
        shown.hear(dagger, message(20))
        shown.done(dagger)
        assert out.getvalue().endswith("dagger, seed 0 (rope, small): done, 2 of 2 cells\n")
    assert out.getvalue().count("\n") == 4, "no line is wrapped"


def test_an_error_that_others_have_too_is_said_once(tmp_path: Path) -> None:
    out = io.StringIO()
    config = toys(tmp_path)
    with Display(config, jobs(config), Console(file=out, width=40)) as shown:
        shown.failed(Job("sft", 0, "rope", "small"), "ConfigError: it took 31 of 5 steps")
        shown.failed(Job("sft", 1, "rope", "small"), "ConfigError: it took 29 of 5 steps")
        shown.failed(Job("dagger", 0, "rope", "small"), "ValueError: quite another")
        shown.left_out(
            [Job(WARM, 1, "rope"), Job("dagger", 1, "rope", "small")], Job(WARM, 1, "rope")
        )
    lines = [re.sub(r"^\[0:\d\d\] ", "", line) for line in out.getvalue().splitlines()]
    assert lines == [
        "sft, seed 0 (rope, small): failed: ConfigError: it took 31 of 5 steps",
        "sft, seed 1 (rope, small): failed as sft, seed 0 (rope, small) did",
        "dagger, seed 0 (rope, small): failed: ValueError: quite another",
        "1 cell cannot be run, for lack of what warm start, seed 1 (rope) was to bring",
    ]


def test_cells_that_fail_are_counted_as_the_report_counts_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import yaml

    student = {"kind": "tabular", "tabular": {"actions": ["no", "such"]}}
    path = tmp_path / "sweep.yaml"
    path.write_text(yaml.safe_dump({**TOYS, "out": str(tmp_path), "student": student, "seeds": 1}))
    assert main(["compare", "--config", str(path)]) == 1
    said = capsys.readouterr()
    assert (
        "2 of 2 cells failed: sft, seed 0 (rope, small), dagger, seed 0 (rope, small); "
        "of what they start from: warm start, seed 0 (rope). The others are kept" in said.err
    )
    assert said.out.count("the table has no action") == 2, "as it failed, and in the summary"
