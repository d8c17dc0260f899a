"""`python -m baselines train`: one method, with a transformer that takes seconds to train."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.baselines.sweep.test_compare import SMALL

# The comparison's own options, but for those of several runs.
OPTIONS = SMALL[: SMALL.index("--seeds")] + SMALL[SMALL.index("--seeds") + 2 :]


def command(out: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "baselines", "train", "--out", str(out), *OPTIONS, *more]


def figures(out: Path) -> tuple[list[dict[str, Any]], bytes]:
    folder = out / "train"
    rows = [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]
    episodes = (folder / "seed-3" / "dagger" / "episodes.jsonl").read_bytes()
    return [{k: v for k, v in row.items() if k != "seconds"} for row in rows], episodes


def test_a_run_killed_in_the_middle_ends_as_an_uninterrupted_one(tmp_path: Path) -> None:
    more = ("--method", "dagger", "--seed", "3", "--dagger.rounds", "3")
    began = time.monotonic()
    whole = command(tmp_path / "whole", *more, "--trackers", "jsonl")
    done = subprocess.run(whole, capture_output=True, text=True)
    took = time.monotonic() - began
    assert done.returncode == 0, done.stdout + done.stderr
    assert "agreement with the teacher" in done.stdout and "β" in done.stdout
    rows, _ = figures(tmp_path / "whole")
    assert [row["round"] for row in rows] == [0, 1, 2, 3]
    [tracked] = (tmp_path / "whole").rglob("trackers/*.jsonl")
    told = [json.loads(line) for line in tracked.read_text().splitlines()]
    assert [one["round/round"] for one in told if "round/round" in one] == [1, 2, 3]
    assert sum("train/loss" in one for one in told) == told[-1]["step"] > 3
    assert {row["seed"] for row in rows} == {3} and {row["method"] for row in rows} == {"dagger"}
    for part in (0.55, 0.75):
        process = subprocess.Popen(
            command(tmp_path / "killed", *more),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(part * took)
        process.kill()
        process.wait()
    again = subprocess.run(command(tmp_path / "killed", *more), capture_output=True, text=True)
    assert again.returncode == 0, again.stdout + again.stderr
    assert figures(tmp_path / "killed") == figures(tmp_path / "whole")


def test_an_unknown_method_is_refused_before_anything_starts(tmp_path: Path) -> None:
    done = subprocess.run(
        command(tmp_path, "--method", "dager"), capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 2 and "did you mean 'dagger'" in done.stderr
    assert not list(tmp_path.iterdir())
