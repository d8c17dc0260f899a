"""Sweeps over environments, budgets, methods and seeds: what is run, when, and with what result."""

import json
import os
import random
from pathlib import Path
from typing import Any

import pytest

from baselines.evidence.results import load_results
from baselines.sweep import cell, plan
from baselines.sweep.compare import compare
from baselines.sweep.config import Compare
from baselines.sweep.plan import jobs
from baselines.sweep.sweep_file import sweep
from dagger_algo.errors import ConfigError
from tests.baselines.sweep.sweeps import LOCK, ROPE, TOYS, results, run, started, toys

WIDE: dict[str, Any] = {
    "environments": {"rope": {**ROPE, "horizon": 4}, "lock": LOCK},
    "budgets": {**TOYS["budgets"], "large": {"env_steps": 90, "teacher_tokens": 60}},
    "methods": {"sft": None, "dagger@linear": {"beta": {"shape": "linear", "end": 0}}, "grpo": {}},
}


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Compare:
    config = toys(tmp_path_factory.mktemp("wide"), **WIDE)
    compare(config)
    return config


def test_every_cell_of_the_product_is_on_the_record(wide: Compare) -> None:
    found = load_results(wide.folder)
    assert found.envs == ("rope", "lock") and found.budgets == ("small", "large")
    assert found.methods == ("sft", "dagger@linear", "grpo")
    assert len(found.settings_pairs) == 4
    for env, budget in found.settings_pairs:
        part = found.at(env, budget)
        for method in found.methods:
            assert sorted(part.final(method)) == [0, 1]
            assert (found.cell_folder(env, budget, 0, method) / "episodes.jsonl").exists()
        limit = wide.budget_of[budget]
        assert all(row.teacher_tokens <= limit.teacher_tokens + 2 for row in part.rows)
        assert all(row.env_steps <= limit.env_steps + 2 for row in part.rows)
    assert found.horizon("rope") == 4 and found.horizon("lock") is None
    betas = [row.beta for row in found.at("rope", "small").rows if row.method == "dagger@linear"]
    assert betas == [None, 0.8, 0.0] * 2


def test_budgets_share_the_warm_start(wide: Compare) -> None:
    first = {(r["env"], r["seed"], r["success"]) for r in results(wide) if r["round"] == 0}
    assert len(first) == 4
    assert len([job for job in jobs(wide) if job.kind == plan.WARM]) == 4


def test_a_cell_says_what_it_was_made_of_and_with(wide: Compare) -> None:
    folder = load_results(wide.folder).cell_folder("lock", "large", 1, "dagger@linear")
    about = json.loads((folder / "cell.json").read_text())
    decided = about["configuration"]
    assert decided["env"]["options"] == LOCK["options"]
    assert decided["budget"] == {"env_steps": 90, "teacher_tokens": 60}
    assert decided["method"]["method"] == "dagger"
    assert decided["method"]["settings"]["beta"]["shape"] == "linear"
    assert decided["student"]["kind"] == "tabular"
    assert about["packages"]["python"] and about["packages"]["numpy"]
    assert set(about["code"]) == {"package", "git"} and about["code"]["package"]
    assert about["seeds"]["training"] == 1 and about["seeds"]["heldout"] == [0, 5]
    assert about["host"]["name"] and about["started"] <= about["finished"]
    assert about["status"] == "ok"


def test_a_finished_sweep_costs_nothing_and_a_new_seed_runs_only_its_own_cells(
    wide: Compare, tmp_path: Path
) -> None:
    before, stamps = results(wide), started(wide)
    assert run(wide) == before and started(wide) == stamps
    more = toys(wide.out, **{**WIDE, "seeds": 3})
    after = run(more)
    now = started(more)
    assert {name: now[name] for name in stamps} == stamps
    assert all("seed-2" in name for name in now.keys() - stamps.keys())
    assert [row for row in after if row["seed"] < 2] == before


def test_an_environment_or_a_budget_that_joins_leaves_the_others_alone(tmp_path: Path) -> None:
    small = toys(tmp_path, seeds=1)
    before = run(small)
    stamps = started(small)
    after = run(toys(tmp_path, **{**WIDE, "methods": TOYS["methods"], "seeds": 1}))
    assert {name: stamp for name, stamp in started(small).items() if name in stamps} == stamps
    assert [r for r in after if (r["env"], r["budget"]) == ("rope", "small")] == before


def test_order_number_of_workers_and_interruptions_do_not_show_in_the_results(
    wide: Compare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = toys(tmp_path, **{**WIDE, "seeds": 1}, workers=3)
    shuffled = jobs(config)
    random.Random(3).shuffle(shuffled)
    monkeypatch.setattr("baselines.sweep.compare.jobs", lambda config: list(shuffled))
    rows = cell._CellLog.round

    def dies_once(log: cell._CellLog, figures: dict[str, Any]) -> None:
        rows(log, figures)
        mark = tmp_path / f"died-{abs(hash(str(log._path)))}"
        if figures["round"] == 1 and not mark.exists():
            mark.touch()
            os._exit(9)

    # One at a time and in this process, where each is killed after its first round; then again.
    for job in (job for job in jobs(config) if not job.cell):
        cell.run_job(config, job, lambda message: None)
    monkeypatch.setattr(cell._CellLog, "round", dies_once)
    for job in shuffled:
        if job.cell and os.fork() == 0:
            cell.run_job(config, job, lambda message: None)
            os._exit(0)
        elif job.cell:
            os.wait()
    assert list(tmp_path.glob("died-*"))
    monkeypatch.setattr(cell._CellLog, "round", rows)
    assert sorted(map(str, run(config))) == sorted(str(r) for r in results(wide) if not r["seed"])


def test_a_label_with_other_settings_is_refused_and_another_label_is_not(wide: Compare) -> None:
    other = {**WIDE, "methods": {"sft": {"rounds": 5}}}
    with pytest.raises(ConfigError, match=r"sft.rounds was 2 and is now 5.*sft, seed 0"):
        compare(toys(wide.out, **other))
    budgets = {"small": {"env_steps": 61, "teacher_tokens": 40}}
    with pytest.raises(ConfigError, match=r"budget.env_steps was 60 and is now 61"):
        compare(toys(wide.out, **{**WIDE, "budgets": budgets}))


def test_schedules_of_beta_multiply_the_methods_that_have_one(tmp_path: Path) -> None:
    config = toys(tmp_path, methods=["sft", "dagger"], betas=["linear", "one: {shape: constant}"])
    assert list(config.variants) == ["sft", "dagger@linear", "dagger@one"]
    assert config.settings_of("dagger@one").beta.shape == "constant"


def test_a_single_comparison_keeps_its_plain_folders(tmp_path: Path) -> None:
    plain = {**TOYS, "out": str(tmp_path), "env": ROPE["id"], "env_options": ROPE["options"]}
    plain |= {"budget": {"env_steps": 60, "teacher_tokens": 40}, "seeds": 1, "methods": ["sft"]}
    del plain["environments"], plain["budgets"]
    config = sweep(plain)
    rows = run(config)
    assert (config.folder / "seed-0" / "sft" / "done.json").exists()
    assert {(row["env"], row["budget"]) for row in rows} == {("Tightrope-v0", "default")}


def test_who_is_not_told_otherwise_fits_as_often_as_sft() -> None:
    config = Compare()
    for name in ("rft", "srft", "expert_iteration"):
        settings = config.base(name)
        assert (settings.rounds, settings.epochs) == (config.sft.rounds, config.sft.epochs)
    assert config.base("sft_rlvr").sft == config.sft
    assert config.base("dagger_rlvr").dagger == config.dagger
