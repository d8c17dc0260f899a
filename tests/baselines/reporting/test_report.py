"""The page, the table and the summary, from folders that hold anything a model may write."""

import io
import json
import re
import warnings
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from rich.console import Console

from baselines.reporting.figures import Studio
from baselines.reporting.report import command, print_summary, settings, write_report, write_tables
from baselines.reporting.tables import EXACT

Write = Callable[..., Path]
LEVELS = {"sft": 0.45, "dagger": 0.65, "grpo": 0.22}


class _Page(HTMLParser):
    """Every tag with its attributes, and the text outside script and style."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.data = ""
        self._raw = False
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._raw = tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:
        self._raw = False

    def handle_data(self, data: str) -> None:
        if not self._raw:
            self.text += data
        elif self.tags[-1][1].get("type") == "application/json":
            self.data += data


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, write_results: Write) -> Path:
    folder = write_results(tmp_path_factory.mktemp("runs") / "demo", LEVELS, failed=(("grpo", 1),))
    write_report(folder)
    return folder


@pytest.fixture(scope="module")
def source(folder: Path) -> str:
    return (folder / "report.html").read_text(encoding="utf-8")


@pytest.fixture
def no_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests that are about the page: PDF and PNG take most of a report's time."""
    monkeypatch.setattr(Studio, "_save", lambda *_: None)


def test_the_page_loads_nothing(source: str) -> None:
    page = _Page(source)
    for tag, attributes in page.tags:
        assert tag not in ("link", "iframe", "img", "object", "embed", "base"), tag
        for name in ("src", "srcset", "action", "data", "xlink:href"):
            assert name not in attributes, (tag, attributes)
        assert (attributes.get("href") or "#").startswith("#"), (tag, attributes)
    assert not re.search(r"url\((?!#)|@import|fetch\(|XMLHttpRequest", source)
    assert not re.search(r"https?://", source)
    assert "default-src 'none'" in source


def test_what_a_model_wrote_stays_text(source: str) -> None:
    page = _Page(source)
    assert [a.get("type") for tag, a in page.tags if tag == "script"] == ["application/json", None]
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    hostile = "</script><script>alert(1)</script><img src=x"
    assert hostile in page.text  # a failed run's error
    assert any(hostile in text for text in json.loads(page.data)["texts"])
    assert "{{ 7*7 }}" in page.text
    assert "demo <b>run</b>" in page.text
    assert "\ufffd" in page.text and "\x00" not in source and "\x1b" not in source


def test_no_id_occurs_twice_and_every_reference_in_a_figure_is_met(source: str) -> None:
    ids = re.findall(r'\bid="([^"]+)"', source)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'(?:href="#|url\(#)([^")]+)', source)) <= set(ids)


def test_the_page_holds_table_figures_episodes_settings_and_failures(source: str) -> None:
    page = _Page(source)
    assert sum(a.get("class") == "plot" for _, a in page.tags) == 6
    assert len(json.loads(page.data)["episodes"]) == 12
    for text in (
        "DAgger",
        "the teacher's",
        "GRPO, seed 1",
        "out of memory",
        "settings.budget.env_steps",
        "python -m baselines compare --name demo",
        "Trained on CPU.",
    ):
        assert text in page.text


def test_a_figure_without_data_is_left_out_with_a_sentence(source: str) -> None:
    text = _Page(source).text
    for title, why in (
        ("Success and regret against the horizon", "at two horizons at least"),
        ("Stages over the rounds", "no episodes are stored"),
        ("How far deployment is from training", "it takes held-out episodes"),
    ):
        assert title in text and why in text


def test_figures_are_saved_for_a_paper_and_left_alone_while_they_are_the_same(folder: Path) -> None:
    files = sorted((folder / "figures").iterdir())
    assert {file.suffix for file in files} == {".pdf", ".png", ".svg"}
    assert {"success-env_steps.pdf", "success-seconds.png"} <= {file.name for file in files}
    assert (folder / "figures" / "seconds.pdf").read_bytes().startswith(b"%PDF")
    before = [file.stat().st_mtime_ns for file in files]
    for ending in ("svg", "pdf", "png"):  # of an earlier report, with other parts
        (folder / "figures" / f"1-gone.{ending}").touch()
    (folder / "figures" / "my own.svg").touch()
    write_report(folder)
    after = {file.name for file in (folder / "figures").iterdir()}
    (folder / "figures" / "my own.svg").unlink()
    assert after == {"my own.svg", *(file.name for file in files)}
    assert [file.stat().st_mtime_ns for file in files] == before


def test_the_same_results_give_the_same_page(folder: Path, source: str) -> None:
    assert write_report(folder).read_text(encoding="utf-8") == source


@pytest.mark.usefixtures("no_files")
@pytest.mark.parametrize("seeds", [1, 5])
def test_few_methods_seeds_and_no_examples_still_make_a_page(
    tmp_path: Path, write_results: Write, seeds: int
) -> None:
    write_results(tmp_path, {"sft": 0.5}, seeds=seeds, examples=False)
    page = _Page(write_report(tmp_path).read_text(encoding="utf-8"))
    assert ("interquartile mean, %" in page.text) == (seeds == 5)
    assert ("one training seed" in page.text) == (seeds == 1)
    assert "Episodes to read" not in page.text and not page.data


@pytest.mark.usefixtures("no_files")
def test_a_comparison_in_which_everything_failed_still_makes_a_page(
    tmp_path: Path, write_results: Write
) -> None:
    write_results(tmp_path, {"sft": 0.5}, seeds=1, failed=(("sft", 0),))
    assert "nothing to compare" in write_report(tmp_path).read_text(encoding="utf-8")
    (tmp_path / "results.jsonl").write_text("")
    write_report(tmp_path)


@pytest.mark.usefixtures("no_files")
def test_a_method_without_results_is_named_apart(tmp_path: Path, write_results: Write) -> None:
    levels = {"sft": 0.5, "killed": 0.5, "dagger": 0.5, "noreport": 0.5}
    write_results(tmp_path, levels, seeds=1, failed=(("killed", 0), ("noreport", 0)))
    page = _Page(write_report(tmp_path).read_text(encoding="utf-8")).text
    lead = " ".join(page[page.index("SFT and DAgger") : page.index("Findings")].split())
    assert lead.startswith("SFT and DAgger trained in")
    assert lead.endswith("never sees. No run of killed and noreport reached its end.")


@pytest.mark.usefixtures("no_files")
def test_differences_have_the_signs_that_the_sentences_have(
    tmp_path: Path, write_results: Write
) -> None:
    write_results(tmp_path, {"sft": 0.9, "dagger": 0.3, "grpo": 0.1}, seeds=3)
    source = write_report(tmp_path).read_text(encoding="utf-8")
    [table] = re.findall(r'aria-label="paired differences">.*?</table>', source, re.DOTALL)
    found = re.findall(r'<td><b>(\S+)</b> <span class="note">(\S+) to (\S+)</span></td>', table)
    (worse, low, high), (better, *_) = found
    assert re.fullmatch(r"−\d+\.\d", worse) and re.fullmatch(r"\+\d+\.\d", better)
    assert low.startswith("−") and high.startswith("−")
    assert f"by {worse[1:]} points" in source


@pytest.mark.usefixtures("no_files")
def test_held_out_episodes_are_of_the_end_and_not_of_round_0(
    tmp_path: Path, write_results: Write
) -> None:
    write_results(tmp_path, {"sft": 0.5}, seeds=1)
    page = _Page(write_report(tmp_path).read_text(encoding="utf-8"))
    rounds = {
        (e["facets"]["kind"], e["facets"]["round"]) for e in json.loads(page.data)["episodes"]
    }
    assert rounds == {("held-out", "final"), ("training", "2")}


@pytest.mark.usefixtures("no_files")
def test_what_takes_milliseconds_is_not_said_to_take_none(
    tmp_path: Path, write_results: Write
) -> None:
    write_results(tmp_path, {"sft": 0.5, "dagger": 0.5}, seeds=1)
    lines = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()]
    for line in lines:
        line["seconds"] = {"environment": 0.012, "train": 0.034}
    (tmp_path / "results.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    source = write_report(tmp_path).read_text(encoding="utf-8")
    [figure] = re.findall(r'<figure id="figure-seconds">.*?</figure>', source, re.DOTALL)
    assert ">46 ms<" in figure and ">ms per run, mean over seeds<" in figure
    assert ">0 s<" not in figure
    assert "| 0.046 |" in write_tables(tmp_path)


@pytest.mark.usefixtures("no_files")
@pytest.mark.parametrize("solved", [0.9, 5.0])
def test_an_interval_of_episodes_that_ended_alike_is_said_to_be_another(
    tmp_path: Path, write_results: Write, solved: float
) -> None:
    write_results(tmp_path, {"sft": 0.5, "dagger": solved})
    page = " ".join(_Page(write_report(tmp_path).read_text(encoding="utf-8")).text.split())
    table, paper = ((tmp_path / name).read_text("utf-8") for name in ("table.md", "table.tex"))
    assert ("100.0 (91.2–100.0)" in table) == (solved == 5.0)
    for text in (page, table, paper):
        assert (EXACT in text) == (solved == 5.0)


@pytest.mark.usefixtures("no_files")
def test_settings_may_be_missing_or_of_another_form(tmp_path: Path, write_results: Write) -> None:
    write_results(tmp_path, {"sft": 0.5, "mine/[red]my|own.py": 0.4}, seeds=2)
    for config in ("{}", '{"seeds": 2, "notes": "one", "budget": null, "methods": null}'):
        (tmp_path / "config.json").write_text(config)
        assert tmp_path.name in write_report(tmp_path).read_text(encoding="utf-8")
        print_summary(tmp_path, Console(file=io.StringIO()))
    assert "[red]my\\|own" in write_tables(tmp_path)


def test_the_markdown_table_has_a_row_per_method_and_is_saved(folder: Path) -> None:
    table = write_tables(folder)
    assert (folder / "table.md").read_text(encoding="utf-8") == table
    head, _, *rows = table.splitlines()
    assert [row.split(" | ")[0] for row in rows[:4]] == [
        "| warm start",
        "| SFT",
        "| DAgger",
        "| GRPO",
    ]
    assert {row.count("|") for row in (head, *rows[:4])} == {9}
    assert "GRPO, seed 1, failed" in table


def test_the_summary_prints_table_verdicts_and_where_the_page_is(folder: Path) -> None:
    console = Console(width=160, file=io.StringIO())
    print_summary(folder, console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "demo <b>run</b>" in text
    assert "DAgger" in text and "report.html" in text and "warm start" in text


def test_a_command_line_is_made_when_none_was_recorded() -> None:
    config = {
        "name": "x y",
        "methods": ["sft", "dagger"],
        "seeds": [0, 1],
        "budget": {"env_steps": 10},
        "unknown": {"key": [1, {"a": None}]},
    }
    assert command(config) == (
        "python -m baselines compare --name 'x y' --methods sft dagger --seeds 2 "
        "--budget.env-steps 10"
    )
    assert ("unknown.key", "[1, {'a': None}]") in settings(config)


@pytest.mark.usefixtures("no_files")
def test_a_name_with_any_signs_makes_a_report(tmp_path: Path, write_results: Write) -> None:
    write_results(tmp_path, {"$\\frac$ 50% & <b>_": 0.5, "\u202e\ud800 方法 #": 0.4}, seeds=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the font has no such letters
        source = write_report(tmp_path).read_text(encoding="utf-8")
    assert "50% &amp; &lt;b&gt;_" in source
    table = (tmp_path / "table.tex").read_text(encoding="utf-8")
    assert "50\\% \\& \\textless{}b" in table and "U+65B9" in table
