"""`view` opens any store, of whatever age and wherever it lies, and changes nothing."""

import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from baselines.cli import main
from baselines.reporting.stores import sources
from baselines.reporting.view import View, view
from dagger_algo.conversation import Outcome
from dagger_algo.errors import ConfigError, StoreError
from dagger_algo.store import EpisodeStore
from tests.baselines.reporting.conftest import make_episode

Sweep = Callable[[Path], Path]


def written(config: View) -> tuple[dict[str, Any], str]:
    """The data on the page and what was said."""
    console = Console(file=io.StringIO(), width=200)
    page = view(config, console).read_text(encoding="utf-8")
    found = re.search(r'<script type="application/json"[^>]*>(.*?)</script>', page, re.DOTALL)
    assert found
    return json.loads(found[1]), console.file.getvalue()  # type: ignore[attr-defined]


def store(path: Path, count: int = 3, round: int = 1) -> Path:
    with EpisodeStore(path) as episodes:
        for i in range(count):
            episodes.append(make_episode(i, round=round))
    return path


def test_a_store_is_shown_and_left_as_it_is_even_with_a_torn_last_line(tmp_path: Path) -> None:
    path = store(tmp_path / "any name.jsonl")
    with path.open("ab") as file:
        file.write(b"0123 torn")
    before = path.read_bytes()
    data, said = written(View(path, open_page=False))
    assert [episode["name"] for episode in data["episodes"]] == ["rope-0", "rope-1", "rope-2"]
    assert path.read_bytes() == before
    assert str(tmp_path / "any name.html") in said
    assert sorted(p.name for p in tmp_path.iterdir()) == ["any name.html", "any name.jsonl"]


def test_of_many_episodes_the_page_holds_the_limit_and_says_so(tmp_path: Path) -> None:
    path = store(tmp_path / "s.jsonl", 25)
    data, said = written(View(path, out=tmp_path / "out.html", limit=10, open_page=False))
    assert len(data["episodes"]) == 7
    assert "Of 25 episodes 7 are on this page" in data["note"] and data["note"] in said


def test_a_run_shows_every_cell_once_with_its_names(tmp_path: Path, write_sweep: Sweep) -> None:
    data, _ = written(View(write_sweep(tmp_path), open_page=False))
    facets = [episode["facets"] for episode in data["episodes"]]
    assert {f["method"] for f in facets} == {"SFT", "DAgger", "GRPO", "warm start"}
    assert {f.get("env") for f in facets} == {"rope 5", "rope 20"}
    assert {f.get("budget") for f in facets if f["method"] == "SFT"} == {"small", "large"}
    # The warm start's episodes, which every cell has a copy of, are there once per seed.
    assert {f["method"] for f in facets if f["round"] == "0"} == {"warm start"}
    assert len(facets) == 23 * 2 * 4 + 4 * 4  # 23 cells, two rounds; 4 warm starts


def test_folders_of_an_earlier_version_name_method_and_seed(tmp_path: Path) -> None:
    for seed in (0, 2, 10):
        for name, round in (("warm-start", 0), ("sft", 1)):
            cell = tmp_path / f"seed-{seed}" / name
            cell.mkdir(parents=True)
            store(cell / "episodes.jsonl", 1, round)
    found = [source.facets for source in sources(tmp_path)]
    assert [(f["seed"], f["method"]) for f in found] == [
        (seed, method) for seed in ("0", "2", "10") for method in ("warm start", "SFT")
    ]


def test_what_is_no_store_is_refused_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ConfigError, match="no episodes"):
        sources(tmp_path)
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(StoreError, match="not an episode store"):
        written(View(tmp_path / "x.json", open_page=False))
    assert not (tmp_path / "x.html").exists()
    assert main(["view", str(tmp_path / "nothing"), "--no-open"]) == 2
    assert "there is nothing at" in capsys.readouterr().err


def test_the_command_opens_the_page_unless_told_not_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda url: opened.append(url) or True)
    path = store(tmp_path / "episodes.jsonl")
    assert main(["view", str(path), "--no-open"]) == 0
    assert not opened
    assert main(["view", str(tmp_path)]) == 0
    assert opened == [(tmp_path / "episodes.html").as_uri()]


@pytest.mark.browser
def test_an_episode_that_was_cut_is_no_failure(show: Callable[..., Any], tmp_path: Path) -> None:
    with EpisodeStore(tmp_path / "episodes.jsonl") as episodes:
        for i, outcome in enumerate((Outcome.TRUNCATED, Outcome.CUT)):
            episodes.append(replace(make_episode(i, reward=0.0), outcome=outcome))
        episodes.append(make_episode(2))
    page = show(view(View(tmp_path, open_page=False), Console(quiet=True)))
    badges = page.run("[...document.querySelectorAll('.badge')].map(b => b.textContent)")
    assert badges == ["✗ no success", "– cut", "✓ success"]
    assert page.complaints() == []
