"""A run that was interrupted anywhere ends as if it had not been."""

import contextlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from baselines.dapo import DAPOConfig
from baselines.dapo import train as dapo
from baselines.grpo import GRPOConfig
from baselines.grpo import train as grpo
from baselines.sft import SFTConfig
from baselines.sft import train as sft
from dagger_algo.dagger import DaggerConfig, dagger
from dagger_algo.labels import Labels
from dagger_algo.ledger import Budget, Ledger, TeacherBudget
from dagger_algo.run import Run, Silent
from tests.support.walker import tightrope_run

TRAINS: dict[str, Callable[[Run], None]] = {
    "dagger": lambda run: dagger(run, DaggerConfig(rounds=3)),
    "budgeted": lambda run: dagger(
        run, DaggerConfig(rounds=3, labels=Labels(executed=False, budget=TeacherBudget(60)))
    ),
    **{
        gate: lambda run, gate=gate: dagger(  # type: ignore[misc]
            run, DaggerConfig(rounds=3, gate=gate, labels=Labels("gate"))
        )
        for gate in (
            "thrifty:share=0.3+ensemble",
            "learned+switch:step=5",
            "safe:check=0.1,warmup=1",
            "lazy:score=risk+stall:times=2",
        )
    },
    "sft": lambda run: sft(run, SFTConfig(rounds=3)),
    "grpo": lambda run: grpo(run, GRPOConfig(group=3, tasks=2)),
    "dapo": lambda run: dapo(run, DAPOConfig(group=3, tasks=2, kl=0.1)),
}


class Killed(BaseException):
    """Stands for the end of the process: nothing catches it."""


class Mortal(Silent):
    """A log under which the process dies at the given call of `progress`."""

    def __init__(self, dies_at: int | None) -> None:
        super().__init__()
        self.calls = 0
        self.dies_at = dies_at

    def progress(self, phase: str, ledger: Ledger) -> None:
        if self.calls == self.dies_at:
            raise Killed
        self.calls += 1


def start(train: Callable[[Run], None], folder: Path, dies_at: int | None = None) -> Mortal:
    log = Mortal(dies_at)
    with (
        tightrope_run(
            folder, Budget(300, 200), log, envs=3, checkpoints=folder / "checkpoints"
        ) as run,
        contextlib.suppress(Killed),
    ):
        train(run)
    return log


def told(log: Mortal, folder: Path) -> tuple[str, list[bytes]]:
    figures = [{k: v for k, v in r.items() if k != "seconds"} for r in log.rounds]
    lines = (folder / "episodes.jsonl").read_bytes().splitlines()
    return json.dumps(figures), lines


@pytest.mark.parametrize("name", TRAINS)
def test_a_run_killed_anywhere_ends_as_an_uninterrupted_one(name: str, tmp_path: Path) -> None:
    whole = start(TRAINS[name], tmp_path / "whole")
    expected = told(whole, tmp_path / "whole")
    for dies_at in range(0, whole.calls, max(1, whole.calls // 12)):
        folder = tmp_path / f"killed-{dies_at}"
        start(TRAINS[name], folder, dies_at)
        # Another death on the way, and a last record that was only half written.
        with (folder / "episodes.jsonl").open("ab") as file:
            file.write(b"0badc0de {")
        with pytest.warns(UserWarning, match="was being written"):
            start(TRAINS[name], folder, dies_at // 2)
        assert told(start(TRAINS[name], folder), folder) == expected


def test_a_lost_checkpoint_costs_training_only(tmp_path: Path) -> None:
    whole = start(TRAINS["dagger"], tmp_path)
    expected = told(whole, tmp_path)
    shutil.rmtree(tmp_path / "checkpoints")
    again: Any = start(TRAINS["dagger"], tmp_path)
    assert told(again, tmp_path) == expected
