"""A round's figures: plain JSON wherever they are written, and NaN again where they are read."""

import json
import math
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
import torch

from baselines.sweep.cell import _CellLog
from dagger_algo.ledger import Budget
from dagger_algo.records import figures_from_json, figures_to_json
from dagger_algo.run import Silent
from tests.support.walker import tightrope_run


def refuse(name: str) -> NoReturn:
    raise AssertionError(f"{name} is no JSON")


def test_what_is_not_a_number_is_null_and_comes_back_as_nan() -> None:
    written = figures_to_json({"a": math.nan, "b": [1.5, math.inf], "c": {"d": -math.inf, "e": 2}})
    assert json.loads(written, parse_constant=refuse) == {
        "a": None, "b": [1.5, None], "c": {"d": None, "e": 2}
    }  # fmt: skip
    assert (
        repr(figures_from_json(written)) == "{'a': nan, 'b': [1.5, nan], 'c': {'d': nan, 'e': 2}}"
    )
    assert math.isnan(figures_from_json('{"a": NaN}')["a"])  # of an earlier release


@pytest.mark.parametrize(
    ("number", "plain"),
    [
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.array([1.0, 2.0]), [1.0, 2.0]),
        (torch.tensor(0.25), 0.25),
        ({"a": [np.float32(0.5)]}, {"a": [0.5]}),
    ],
)
def test_a_method_may_report_numbers_of_numpy(number: Any, plain: Any, tmp_path: Path) -> None:
    log = Silent()
    with tightrope_run(tmp_path, Budget(50, 50), log, checkpoints=tmp_path / "c") as run:
        for i in run.rounds(1):
            run.report(i, x=number, y=np.float32("nan"))
    assert log.rounds[0]["x"] == plain and type(log.rounds[0]["x"]) is type(plain)
    (kept,) = (tmp_path / "c").glob("round-*/progress.json")
    (figures,) = json.loads(kept.read_text(), parse_constant=refuse)["figures"]
    assert figures["x"] == plain and figures["y"] is None


def test_a_cell_of_a_comparison_writes_json(tmp_path: Path) -> None:
    path = tmp_path / "rounds.jsonl"
    log = _CellLog(path, lambda message: None)
    log.resumed([{"round": 1, "agreement": math.nan}])
    log.round({"round": 2, "disagreement_own": math.nan})
    rows = [json.loads(line, parse_constant=refuse) for line in path.read_text().splitlines()]
    assert rows == [{"round": 1, "agreement": None}, {"round": 2, "disagreement_own": None}]


def test_an_interrupted_run_finds_its_nan_again(tmp_path: Path) -> None:
    def start(rounds: int) -> list[dict[str, Any]]:
        log = Silent()
        with tightrope_run(tmp_path, Budget(50, 50), log, checkpoints=tmp_path / "c") as run:
            for i in run.rounds(rounds):
                run.report(i, x=math.nan)
        return log.rounds

    start(1)
    first, second = start(2)
    assert math.isnan(first["x"]) and math.isnan(second["x"])
