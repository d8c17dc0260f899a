"""Figures of rounds and steps for experiment trackers."""

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from accelerate import Accelerator, tracking
from accelerate.tracking import GeneralTracker

from dagger_algo.conversation import Action
from dagger_algo.errors import ConfigError
from dagger_algo.examples import Example, Target
from dagger_algo.ledger import Ledger
from dagger_algo.lm.distributed import Accelerated, Alone, Processes
from dagger_algo.lm.learner import LearnerConfig
from dagger_algo.policies.lm import LMPolicy
from dagger_algo.run import Silent
from dagger_algo.trackers import RUN_NAMES, Several, Trackers

FIGURES: dict[str, Any] = {
    "success": 0.5,
    "eval_seeds": [0, 1],
    "agreement": math.nan,
    "method": "dagger",
    "seconds": {"train": 2.0},
    "optimizer_steps": 4,
}


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def figures(i: int) -> dict[str, Any]:
    return {"round": i, **FIGURES}


@pytest.mark.parametrize("accelerated", [False, True])
def test_steps_and_rounds_are_rows_of_one_file(
    tiny_checkpoint: Path, tmp_path: Path, accelerated: bool
) -> None:
    with Trackers(["jsonl"], tmp_path / "new", "seed-0") as trackers:
        silent = Silent()
        log = Several(silent, trackers)
        learner = LearnerConfig(batch_tokens=1)
        processes: Processes = Alone(trackers.step)
        if accelerated:
            processes = Accelerated(Accelerator(cpu=True), trackers.step)
        policy = LMPolicy.load(tiny_checkpoint, learner=learner, processes=processes)
        example = Example(("say 1",), (Action("x"),), (Target(0, Action("1"), 1.0),))
        policy.update([example] * 3)
        log.progress("training", Ledger())
        log.round(figures(1))
    *steps, last = rows(tmp_path / "new" / "seed-0.jsonl")
    assert [row["step"] for row in steps] == [1, 2, 3]
    assert all({"train/loss", "train/grad_norm", "train/learning_rate"} <= set(r) for r in steps)
    assert last == {
        "step": 3,
        "round/round": 1,
        "round/success": 0.5,
        "round/seconds/train": 2.0,
        "round/optimizer_steps": 4,
    }
    assert silent.rounds == [figures(1)]


def test_a_run_taken_up_again_goes_on_after_its_last_whole_round(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    first = Trackers(["jsonl"], tmp_path)
    for i in (1, 2):
        first.step({"loss": 1.0}, i)
        first.round(figures(i))
    first.step({"loss": 1.0}, 3)
    again = Trackers(["jsonl"], tmp_path)
    again.resumed([figures(1)])
    assert [row.get("round/round") for row in rows(path)] == [None, 1]
    again.step({"loss": 0.5}, 2)
    assert [row["step"] for row in rows(path)] == [1, 1, 2]
    # One that begins anew has nothing of the one before.
    anew = Trackers(["jsonl"], tmp_path)
    anew.round(figures(1))
    assert [row["step"] for row in rows(path)] == [4]


@pytest.fixture
def told() -> Iterator[list[Any]]:
    """What a tracker of the user's own, called "mine", hears."""
    heard: list[Any] = []

    class Mine(GeneralTracker):  # type: ignore[misc]
        name = "mine"
        requires_logging_directory = True

        def __init__(self, run: str, folder: str, **options: str) -> None:
            super().__init__()
            heard.append(("begin", run, str(folder), options))

        @property
        def tracker(self) -> None:
            return None

        def store_init_configuration(self, values: Mapping[str, Any]) -> None:
            heard.append(values)

        def log(self, values: Mapping[str, Any], step: int | None = None, **_: Any) -> None:
            heard.append((step, values))

        def finish(self) -> None:
            heard.append("end")

    tracking.register_tracker_class(Mine)
    yield heard
    del tracking.LOGGER_TYPE_TO_CLASS["mine"]


def test_trackers_of_accelerate_are_told_by_name(told: list[Any], tmp_path: Path) -> None:
    with Trackers(["mine"], tmp_path, "demo", settings={"keep": ("solid",)}) as trackers:
        trackers.step({"loss": 1.5}, 7)
        trackers.round({"round": 1, "success": 0.5, "agreement": math.nan})
    trackers.close()
    assert told == [
        ("begin", "demo", str(tmp_path), {}),
        {"keep": "('solid',)"},
        (7, {"train/loss": 1.5}),
        (7, {"round/round": 1, "round/success": 0.5}),
        "end",
    ]
    assert not (tmp_path / "demo.jsonl").exists()


def test_runs_of_one_project_are_told_apart_by_their_names(
    told: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(RUN_NAMES, "mine", "called")
    Trackers(["mine"], tmp_path, "seed-0", project="demo").close()
    assert told == [("begin", "demo", str(tmp_path), {"called": "seed-0"}), "end"]


def test_a_tracker_that_is_unknown_or_not_installed_is_said(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError,
        match=r"no tracker 'tensorbord'; did you mean 'tensorboard'\? There are jsonl, .*wandb",
    ):
        Trackers(["jsonl", "tensorbord"], tmp_path)
    installed = tracking.get_available_trackers()
    missing = next(n for n in ("dvclive", "aim", "comet_ml", "swanlab") if n not in installed)
    with pytest.raises(ConfigError, match=f"{missing}' is not installed: pip install {missing}"):
        Trackers([missing], tmp_path)


def test_tensorboard_shows_steps_and_rounds(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    with Trackers(["tensorboard"], tmp_path, "demo", settings={"method": "dagger"}) as trackers:
        trackers.step({"loss": 1.5}, 7)
        trackers.round(figures(1))
    found = EventAccumulator(str(tmp_path / "demo")).Reload()
    assert [(e.step, e.value) for e in found.Scalars("train/loss")] == [(7, 1.5)]
    assert [(e.step, e.value) for e in found.Scalars("round/success")] == [(7, 0.5)]
