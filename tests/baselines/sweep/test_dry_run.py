"""The plan and its price, before anything starts."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from baselines.cli import main
from baselines.sweep.compare import compare
from baselines.sweep.dry_run import (
    SECONDS_PER_EVALUATION,
    SECONDS_PER_JOB,
    SECONDS_PER_STEP,
    dry_run,
)
from dagger_algo.errors import ConfigError
from tests.baselines.sweep.sweeps import LOCK, ROPE, TOYS, toys


def shown(config: object) -> tuple[str, list]:  # type: ignore[type-arg]
    out = io.StringIO()
    lines = dry_run(config, Console(file=out, width=100))  # type: ignore[arg-type]
    return " ".join(out.getvalue().split()), lines


def test_the_plan_counts_cells_steps_and_tokens_and_starts_nothing(tmp_path: Path) -> None:
    config = toys(
        tmp_path, methods=["sft", "grpo"], environments={"rope": ROPE, "lock": LOCK}, seeds=2
    )
    text, lines = shown(config)
    assert not config.folder.exists()
    assert sum(line.planned for line in lines) == 2 + 4 + 8
    [sft] = [line for line in lines if (line.kind, line.env) == ("sft", "rope")]
    assert (sft.planned, sft.done) == (2, 0)
    assert sft.cost.env_steps == 2 * 32, "a step costs a label, and there are 40 - 8"
    assert sft.cost.teacher_tokens == 2 * (40 - 8)
    assert sft.cost.evaluation_episodes == 2 * 2 * 6
    assert sft.cost.seconds == pytest.approx(
        2
        * (
            SECONDS_PER_JOB
            + 32 * SECONDS_PER_STEP["tabular"]
            + 2 * 6 * SECONDS_PER_EVALUATION["tabular"]
        )
    )
    [grpo] = [line for line in lines if (line.kind, line.env) == ("grpo", "lock")]
    assert grpo.cost.env_steps == 2 * 60
    assert grpo.cost.teacher_tokens == 0, "it asks no teacher"
    assert "14/14" in text and "stated rates" in text and "tabular 0.5 and 2 ms" in text


def test_a_pipeline_evaluates_as_often_as_its_parts(tmp_path: Path) -> None:
    settings = {"sft": {"rounds": 5}, "rlvr": "dapo", "dapo": {"evaluate": 3}}
    _, lines = shown(toys(tmp_path, seeds=1, methods={"sft_rlvr": settings}))
    [pipeline] = [line for line in lines if line.kind == "sft_rlvr"]
    assert pipeline.cost.evaluation_episodes == 8 * 6


def test_what_is_done_costs_nothing_and_lends_its_rate_to_the_rest(tmp_path: Path) -> None:
    compare(toys(tmp_path, seeds=1, methods=["sft"]))
    text, lines = shown(toys(tmp_path, seeds=1, methods=["sft"]))
    assert "0/3" in text and "Everything is done" in text
    text, lines = shown(toys(tmp_path, seeds=3, methods=["sft", "dagger"]))
    [sft] = [line for line in lines if line.kind == "sft"]
    assert (sft.planned, sft.done, sft.cost.source) == (3, 1, "finished cells")
    assert "Times go by the cells that are finished in this folder" in text


def test_no_time_is_made_up_for_a_student_that_nobody_has_timed(tmp_path: Path) -> None:
    student = {"checkpoint": "some-hub/model"}
    text, lines = shown(toys(tmp_path, student=student))
    assert all(line.cost.seconds is None for line in lines)
    assert "How long it takes cannot be said" in text


def test_the_plan_of_what_would_be_refused_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    compare(toys(tmp_path, seeds=1, methods=["sft"]))
    with pytest.raises(ConfigError, match="holds a run with other settings"):
        shown(toys(tmp_path, seeds=1, methods=["sft"], sft={"rounds": 3}))
    assert main(["compare", "--dry-run", "--out", str(tmp_path), "--name", "plain"]) == 0
    said = capsys.readouterr().out
    assert "3/3" in said and "tiny 45 and 400 ms" in " ".join(said.split())
    assert not (tmp_path / "plain").exists()


def test_a_warm_start_that_may_use_the_budget_up_is_told_before(tmp_path: Path) -> None:
    budgets = {"tight": {"env_steps": 60, "teacher_tokens": 11}, **TOYS["budgets"]}
    text, _ = shown(toys(tmp_path, budgets=budgets, envs=4))
    assert "8 teacher tokens may be passed by an answer in each of the 4 environments" in text
    assert "budget 'tight' has 3 more" in text and "budget 'small'" not in text
    text, _ = shown(toys(tmp_path, budgets=budgets, envs=3))
    assert "may be passed" not in text
