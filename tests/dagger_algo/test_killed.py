"""`kill -9` of a real process, at fifty random moments."""

import random
import subprocess
import sys
import time
from pathlib import Path

KILLS = 50


def start(folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "tests.support.trainee", str(folder)],
        cwd=Path(__file__).parents[2],
    )


def left(folder: Path) -> tuple[bytes, bytes]:
    return (folder / "episodes.jsonl").read_bytes(), (folder / "figures.json").read_bytes()


def test_a_run_killed_at_fifty_moments_leaves_what_an_uninterrupted_one_does(
    tmp_path: Path,
) -> None:
    began = time.monotonic()
    assert start(tmp_path / "whole").wait(120) == 0
    took = time.monotonic() - began
    expected = left(tmp_path / "whole")
    random.seed(0)
    kills, runs, in_a_row = 0, 0, 0
    while kills < KILLS:
        folder = tmp_path / f"run-{runs}"
        # Later and later, so that a run that is killed again and again comes to its end.
        process = start(folder)
        try:
            assert process.wait(random.uniform(0.2, 0.4 + 0.15 * in_a_row) * took) == 0
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            kills, in_a_row = kills + 1, in_a_row + 1
            continue
        assert left(folder) == expected
        runs, in_a_row = runs + 1, 0
    if in_a_row:
        folder = tmp_path / f"run-{runs}"
        assert start(folder).wait(120) == 0
        assert left(folder) == expected
