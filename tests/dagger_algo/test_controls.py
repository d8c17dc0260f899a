"""The honest controls, with a table for a student: where DAgger has nothing to gain, it does not.

A wide gap would be a bug of the comparison, or of the control. Margins are several times the
standard error over seeds at these sizes.
"""

from pathlib import Path
from typing import Any

import pytest

from baselines.grpo import GRPOConfig
from baselines.grpo import train as grpo
from baselines.sft import SFTConfig
from baselines.sft import train as sft
from dagger_algo.dagger import dagger
from dagger_algo.ledger import Budget
from dagger_algo.run import Run
from tests.dagger_algo.test_dagger import run

SEEDS = range(3)


def by_sft(run: Run) -> None:
    sft(run, SFTConfig())


def by_grpo(run: Run) -> None:
    grpo(run, GRPOConfig())


def success(train: Any, folder: Path, budget: Budget, env_id: str, **env: Any) -> float:
    """Mean over seeds, each with a table of its own; labels or steps are what runs out."""
    runs = [
        run(train, folder, budget, env_id, seed, table_seed=seed, **env).rounds[-1]["success"]
        for seed in SEEDS
    ]
    return float(sum(runs) / len(runs))


def labels(count: int) -> Budget:
    return Budget(10**6, count)


def test_in_the_lenient_corridor_every_method_does(tmp_path: Path) -> None:
    taught = [success(m, tmp_path, labels(60), "Corridor-v0") for m in (dagger, by_sft)]
    assert taught == [1.0, 1.0]
    assert success(by_grpo, tmp_path, Budget(2000, 10**6), "Corridor-v0") >= 0.95


def test_costly_errors_alone_are_no_reason_for_dagger(tmp_path: Path) -> None:
    """An error throws the walker back three steps, but into states that demonstrations show."""
    costly = {"horizon": 20, "cues": 64, "zipf": 1.0, "actions": 8, "max_turns": 40}
    ours, theirs = (
        success(m, tmp_path, labels(150), "Corridor-v0", **costly, error_cost=3)
        for m in (dagger, by_sft)
    )
    assert theirs >= 0.5
    assert ours == pytest.approx(theirs, abs=0.2)


@pytest.mark.parametrize("aftermath", [None, 0])
def test_on_the_cliff_dagger_is_not_ahead(tmp_path: Path, aftermath: int | None) -> None:
    ours, theirs = (
        success(m, tmp_path, labels(400), "Cliff-v0", aftermath=aftermath) for m in (dagger, by_sft)
    )
    assert theirs >= 0.3
    assert ours <= theirs + 0.15


def test_the_tree_is_learnt_from_labels_and_not_from_its_outcome(tmp_path: Path) -> None:
    taught = [success(m, tmp_path, labels(400), "KeyDoorTree-v0") for m in (dagger, by_sft)]
    assert min(taught) >= 0.7
    assert success(by_grpo, tmp_path, Budget(1000, 10**6), "KeyDoorTree-v0") <= 0.1
