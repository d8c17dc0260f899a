"""The page says what its cells were made with, and stays the same while nothing new is run."""

import html
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from baselines.evidence.results import load_results
from baselines.evidence.verdicts import verdicts
from baselines.reporting.figures import Studio
from baselines.reporting.report import write_report
from baselines.sweep import compare as comparing
from baselines.sweep.compare import compare
from tests.baselines.sweep.sweeps import toys

Write = Callable[..., Path]


@pytest.fixture(autouse=True)
def no_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Studio, "_save", lambda *_: None)


def cell(folder: Path, seed: int, git: str | None, numpy: str = "2.0") -> None:
    path = folder / f"seed-{seed}" / "sft" / "cell.json"
    path.parent.mkdir(parents=True)
    about = {
        "code": {"package": "0.1", "git": git},
        "packages": {"numpy": numpy},
        "configuration": {
            "env": {"id": "x"},
            "student": {"kind": "old"},
            "method": {"method": "sft", "settings": {"rounds": 9}},
        },
    }
    path.write_text(json.dumps(about))


def settings_of(page: Path) -> dict[str, str]:
    rows = r'<tr><th scope="row">([^<]+)</th><td>([^<]*)</td></tr>'
    return {k: html.unescape(v) for k, v in re.findall(rows, page.read_text(encoding="utf-8"))}


def test_settings_and_versions_are_the_cells_and_not_the_last_invocations(
    tmp_path: Path, write_results: Write
) -> None:
    write_results(tmp_path, {"sft": 0.5}, seeds=2)
    for seed in (0, 1):
        cell(tmp_path, seed, "7133b83-dirty", numpy=f"2.{seed}")
    page = write_report(tmp_path)
    told = settings_of(page)
    assert told["settings.student.kind"] == "old"
    assert told["method_settings.sft.settings.rounds"] == "9"
    assert told["versions.numpy"] == "2.0, 2.1"
    assert told["versions.code"] == "7133b83, modified"
    assert "settings.student.tiny.width" not in told, "the last invocation's"
    assert "Code of the runs: 7133b83, modified." in page.read_text(encoding="utf-8")
    assert "different versions of the code" not in " ".join(verdicts(load_results(tmp_path)))


def test_runs_of_different_commits_in_one_table_are_told(
    tmp_path: Path, write_results: Write
) -> None:
    write_results(tmp_path, {"sft": 0.5}, seeds=3)
    for seed, git in enumerate(("7133b83", "84f7e27-dirty", "7133b83")):
        cell(tmp_path, seed, git)
    text = " ".join(verdicts(load_results(tmp_path)))
    assert (
        "The runs were made with different versions of the code: 7133b83 (2 runs), 84f7e27, "
        "modified (1 run)." in text
    )


def test_running_a_finished_sweep_again_changes_no_byte_of_its_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = toys(tmp_path, seeds=1, methods=["sft"])
    compare(config)
    page = write_report(config.folder).read_bytes()
    monkeypatch.setattr(comparing, "now", lambda: "2099-01-01T00:00:00+00:00")
    monkeypatch.setattr(sys, "argv", ["baselines", "compare", "--config", "elsewhere.yaml"])
    compare(config)
    assert write_report(config.folder).read_bytes() == page
    before = json.loads((config.folder / "config.json").read_text())["created"]
    more = toys(tmp_path, seeds=1, methods=["sft", "dagger"])
    comparing.prepare_folder(more)
    now = json.loads((config.folder / "config.json").read_text())
    assert now["created"] == before and now["command"].endswith("elsewhere.yaml")
