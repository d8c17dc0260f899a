"""A sweep of toys with tables for students: seconds for dozens of cells."""

import contextlib
import json
from pathlib import Path
from typing import Any

from baselines.sweep.compare import compare
from baselines.sweep.config import Compare
from baselines.sweep.sweep_file import sweep
from dagger_algo.errors import DaggerError

ROPE = {"id": "swe_gym_env:Tightrope-v0", "options": {"horizon": 4, "cues": 6, "pit_depth": 1}}
LOCK = {"id": "swe_gym_env:CombinationLock-v0", "options": {"length": 3, "cues": 6}}
TOYS: dict[str, Any] = {
    "name": "toys",
    "student": {"kind": "tabular", "tokenizer_episodes": 4},
    "warm_start": {"teacher_tokens": 8, "epochs": 1},
    "envs": 2,
    "heldout_episodes": 6,
    "seeds": 2,
    "environments": {"rope": ROPE},
    "budgets": {"small": {"env_steps": 60, "teacher_tokens": 40}},
    "methods": ["sft", "dagger"],
    "sft": {"rounds": 2, "epochs": 1},
    "dagger": {"rounds": 2, "epochs": 1},
    "grpo": {"group": 4, "tasks": 2},
}


def toys(out: Path, **changes: Any) -> Compare:
    """The sweep of toys under `out`, with changes."""
    return sweep({**TOYS, "out": str(out), **changes})


def run(config: Compare) -> list[dict[str, Any]]:
    """Its results, failed cells included, without what a clock said."""
    with contextlib.suppress(DaggerError):
        compare(config)
    return results(config)


def results(config: Compare) -> list[dict[str, Any]]:
    """The lines of results.jsonl without what a clock said."""
    lines = (config.folder / "results.jsonl").read_text().splitlines()
    return [{k: v for k, v in json.loads(line).items() if k != "seconds"} for line in lines]


def started(config: Compare) -> dict[str, str]:
    """When each cell was started, to the nanosecond of its file."""
    found = config.folder.rglob("ledger.json"), config.folder.rglob("episodes.jsonl")
    return {str(path): str(path.stat().st_mtime_ns) for paths in found for path in paths}
