"""SFT→RLVR and DAgger→RLVR: who may spend what, rounds that count on, and any interruption."""

import contextlib
import json
import random
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from baselines import exopd, methods, opd, tip
from baselines.dapo import DAPOConfig
from baselines.exopd import ExOPDConfig
from baselines.grpo import GRPOConfig
from baselines.methods import bundled, get_method
from baselines.opd import OPDConfig
from baselines.pipeline import (
    DaggerThenRLVR,
    Second,
    SFTThenRLVR,
    in_turn,
    train_dagger_first,
    train_sft_first,
)
from baselines.sft import SFTConfig
from baselines.sweep.sweep_file import sweep
from dagger_algo.conversation import Actor
from dagger_algo.dagger import DaggerConfig
from dagger_algo.errors import ConfigError
from dagger_algo.gates.mixture import STUDENT_ONLY
from dagger_algo.ledger import Budget, Ledger
from dagger_algo.policies.tabular import TabularPolicy
from dagger_algo.run import Run, Silent
from tests.support.echo import echo_run
from tests.support.walker import tightrope_run

SFT_FIRST = SFTThenRLVR(
    share=0.4, sft=SFTConfig(rounds=2), grpo=GRPOConfig(group=3, tasks=2, kl=0.1, evaluate=2)
)
DAGGER_FIRST = DaggerThenRLVR(
    dagger=DaggerConfig(rounds=2, gate="thrifty:share=0.3"),
    grpo=GRPOConfig(group=3, tasks=2, evaluate=2),
)
WORDS = [str(d) for d in range(4)]


def test_the_first_method_has_a_share_and_the_second_the_rest(tmp_path: Path) -> None:
    log = Silent()
    with tightrope_run(tmp_path, Budget(1000, 10_000), log) as run:
        train_sft_first(run, SFT_FIRST)
        episodes = list(run.store)
    assert [row["round"] for row in log.rounds] == [1, 2, 3, 4]
    steps = [row["env_steps"] for row in log.rounds]
    # GRPO's groups go on to their ends beyond a round's share, though not beyond the budget.
    beyond = [4 * 3, 4 * 3, 6 * 40, 4 * 3]
    for found, planned, more in zip(steps, [200, 400, 700, 1000], beyond, strict=True):
        assert planned <= found < planned + more
    actors = {i: {t.actor for e in episodes if e.round == i for t in e.turns} for i in range(1, 5)}
    assert actors[1] == actors[2] == {Actor.TEACHER}
    assert actors[3] == actors[4] == {Actor.STUDENT}
    assert log.rounds[1]["teacher_tokens"] == log.rounds[3]["teacher_tokens"]
    assert "loss" in log.rounds[0] and "signal" in log.rounds[3]


@pytest.mark.parametrize("rlvr", get_args(Second))
def test_the_second_part_is_any_bundled_rlvr_method_with_its_own_settings(
    rlvr: Second, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = sweep(
        {"methods": {"mine": {"method": "sft_rlvr", "rlvr": rlvr, rlvr: {"evaluate": 2}}}}
    ).settings_of("mine")
    seen: list[Any] = []
    found = get_method(rlvr)

    def watched(run: Run, settings: Any) -> None:
        seen.append(settings)
        found.train(run, settings)

    monkeypatch.setitem(methods._METHODS, rlvr, replace(found, train=watched))
    log = Silent()
    with tightrope_run(tmp_path, Budget(400, 10_000), log) as run:
        train_sft_first(run, config)
    assert seen == [replace(found.config, evaluate=2)]
    assert [row["round"] for row in log.rounds] == [1, 2, 3, 4]  # SFT's two, then its two


def test_what_would_go_unheard_is_refused() -> None:
    with pytest.raises(ConfigError, match="settings of dapo are given, and the second part is ppo"):
        SFTThenRLVR(rlvr="ppo", dapo=DAPOConfig(clip_high=0.5))
    with pytest.raises(ConfigError, match="is one of grpo, dr_grpo, dapo, rloo, gspo, ppo, not"):
        SFTThenRLVR(rlvr="exopd")  # type: ignore[arg-type]


def test_what_the_teacher_is_out_of_does_not_stop_the_second_method(tmp_path: Path) -> None:
    log = Silent()
    with tightrope_run(tmp_path, Budget(600, 30), log) as run:
        train_dagger_first(run, DAGGER_FIRST)
    assert log.rounds[1]["teacher_tokens"] >= 30
    assert log.rounds[1]["env_steps"] < 100 and log.rounds[3]["env_steps"] >= 600


@pytest.mark.parametrize("share", [0.0, 1.0, -0.5])
def test_a_share_that_leaves_one_of_them_nothing_is_refused(share: float) -> None:
    with pytest.raises(ConfigError, match="share of the environment steps above 0 and below"):
        SFTThenRLVR(share=share)


def test_both_are_methods_of_the_comparison() -> None:
    assert bundled()["sft_rlvr"] == bundled()["dagger_rlvr"] == "baselines.pipeline"


class Killed(BaseException):
    """Stands for the end of the process: nothing catches it."""


class Mortal(Silent):
    """A log under which the process dies at the given call of `progress`."""

    def __init__(self, dies_at: int | None) -> None:
        super().__init__()
        self.calls, self.dies_at = 0, dies_at

    def progress(self, phase: str, ledger: Ledger) -> None:
        if self.calls == self.dies_at:
            raise Killed
        self.calls += 1


Start = Callable[[Path, Mortal], Any]


def on_the_tightrope(train: Callable[[Run], None]) -> Start:
    def start(folder: Path, log: Mortal) -> None:
        budget, kept = Budget(240, 200), folder / "checkpoints"
        with tightrope_run(folder, budget, log, envs=3, checkpoints=kept) as run:
            train(run)

    return start


def with_a_table(train: Callable[[Run], None]) -> Start:
    """Distillation of one table into another."""

    def start(folder: Path, log: Mortal) -> None:
        teacher, student = TabularPolicy(WORDS), TabularPolicy(WORDS)
        for digit in WORDS:
            teacher.table[f"say {digit}"] = 2.0 * np.eye(4)[int(digit)]
        budget, kept = Budget(120, 200), folder / "checkpoints"
        with echo_run(folder, student, teacher, budget, log=log, checkpoints=kept) as run:
            train(run)

    return start


STARTS = {
    "sft_rlvr": on_the_tightrope(lambda run: train_sft_first(run, SFT_FIRST)),
    "dagger_rlvr": on_the_tightrope(lambda run: train_dagger_first(run, DAGGER_FIRST)),
    "opd": with_a_table(lambda run: opd.train(run, OPDConfig(episodes=6, evaluate=2))),
    "tip": with_a_table(lambda run: tip.train(run, OPDConfig(tokens="tip", episodes=6))),
    "exopd": with_a_table(lambda run: exopd.train(run, ExOPDConfig(episodes=6, evaluate=2))),
}


def told(start: Start, folder: Path, dies_at: int | None = None) -> tuple[int, str, bytes]:
    log = Mortal(dies_at)
    with contextlib.suppress(Killed):
        start(folder, log)
    figures = [{k: v for k, v in row.items() if k != "seconds"} for row in log.rounds]
    return log.calls, json.dumps(figures), (folder / "episodes.jsonl").read_bytes()


@pytest.mark.parametrize("name", STARTS)
def test_killed_anywhere_it_ends_as_an_uninterrupted_one(name: str, tmp_path: Path) -> None:
    calls, *expected = told(STARTS[name], tmp_path / "whole")
    for dies_at in range(1, calls, max(1, calls // 5)):
        folder = tmp_path / f"killed-{dies_at}"
        told(STARTS[name], folder, dies_at)
        told(STARTS[name], folder, dies_at // 2)  # another death on the way
        assert list(told(STARTS[name], folder)[1:]) == expected


def test_killed_for_real_it_ends_as_an_uninterrupted_one(tmp_path: Path) -> None:
    def start(folder: Path) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "tests.support.pipeliner", str(folder)],
            cwd=Path(__file__).parents[2],
        )

    def left(folder: Path) -> tuple[bytes, bytes]:
        return (folder / "episodes.jsonl").read_bytes(), (folder / "figures.json").read_bytes()

    began = time.monotonic()
    assert start(tmp_path / "whole").wait(120) == 0
    took = time.monotonic() - began
    random.seed(0)
    kills = 0
    while kills < 3:
        folder = tmp_path / "killed"
        process = start(folder)
        try:
            assert process.wait(random.uniform(0.6, 0.95) * took) == 0
            break
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            kills += 1
    assert start(folder).wait(120) == 0
    assert left(folder) == left(tmp_path / "whole")


def test_a_part_finds_the_student_as_it_was_when_the_part_began(tmp_path: Path) -> None:
    seen: list[dict[str, list[float]]] = []

    def second(run: Run) -> None:
        seen.append({state: row.tolist() for state, row in run.student.table.items()})  # type: ignore[attr-defined]
        for i in run.rounds(2):
            run.collect(i, run.share(i, 2), gate=STUDENT_ONLY)
            run.student.table.clear()  # type: ignore[attr-defined]
            run.report(i)

    def first(run: Run) -> None:
        for i in run.rounds(1):
            run.collect(i, run.share(i, 1))
            run.student.table["a"] = np.array([1.0])  # type: ignore[attr-defined]
            run.report(i)

    for dies_at in (None, 12):
        with contextlib.suppress(Killed):
            folder = tmp_path / str(dies_at)
            on_the_tightrope(lambda run: in_turn(run, first, second, 0.2))(folder, Mortal(dies_at))
    on_the_tightrope(lambda run: in_turn(run, first, second, 0.2))(folder, Mortal(None))
    assert seen == [{"a": [1.0]}] * 3
