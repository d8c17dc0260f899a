"""The pages in a real browser, opened from disk as a reader would."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from baselines.reporting.view import View, view
from dagger_algo.store import EpisodeStore
from tests.baselines.reporting.conftest import HOSTILE, make_episode

pytestmark = pytest.mark.browser
Show = Callable[..., Any]
COUNT = "document.querySelector('#browser output').value"
OPEN = "document.querySelectorAll('.episode')[{}].open = true"
BACKGROUND = "getComputedStyle(document.body).backgroundColor"


@pytest.fixture(scope="module")
def episodes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of 120 episodes; number 7 holds hostile text, the rest are of three rounds."""
    path = tmp_path_factory.mktemp("store") / "episodes.jsonl"
    with EpisodeStore(path) as store:
        for i in range(120):
            store.append(
                make_episode(
                    i,
                    method="dagger" if i % 2 else "sft",
                    round=i % 3,
                    reward=float(i % 4 == 0),
                    text=HOSTILE if i == 7 else "",
                )
            )
    return view(View(path, open_page=False), Console(quiet=True))


def choose(page: Any, name: str, value: str) -> None:
    page.run(
        f"(() => {{ const s = document.querySelector('select[name={name}]'); s.value = '{value}';"
        "s.dispatchEvent(new Event('change', { bubbles: true })); })()"
    )


def search(page: Any, text: str) -> None:
    page.run("document.querySelector('input[name=text]').focus()")
    page.run("document.querySelector('input[name=text]').select()")
    page.send("Input.insertText", text=text)
    before = page.run(COUNT)
    page.until(f"{COUNT} !== '{before}'")


def test_the_report_opens_from_disk_without_a_complaint_and_its_plots_can_be_seen(
    show: Show, report: Path
) -> None:
    page = show(report)
    sizes = page.run(
        "[...document.querySelectorAll('svg.plot')].map(s => {"
        " const r = s.getBoundingClientRect(); return [r.width, r.height,"
        " s.querySelectorAll('path').length]; })"
    )
    assert len(sizes) == 4 * 8 + 1 + 4 + 4
    assert all(width > 300 and height > 150 and paths > 5 for width, height, paths in sizes)
    assert page.run(COUNT) == "36 of 36 episodes"
    assert page.run("document.querySelectorAll('img, iframe').length") == 0
    assert page.complaints() == []


@pytest.mark.parametrize("which", ["report", "episodes"])
def test_dark_and_light_are_both_readable(
    show: Show, which: str, request: pytest.FixtureRequest
) -> None:
    path = request.getfixturevalue(which)

    def brightness(colour: str) -> float:
        red, green, blue = (int(part) for part in colour.strip("rgb()").split(","))
        return (0.299 * red + 0.587 * green + 0.114 * blue) / 255

    seen = {}
    for dark in (False, True):
        page = show(path, dark=dark)
        ink = page.run("getComputedStyle(document.body).color")
        seen[dark] = brightness(page.run(BACKGROUND)), brightness(ink)
        if which == "report":  # the figures' text is in the page's ink
            text = "getComputedStyle(document.querySelector('svg.plot text')).fill"
            assert brightness(page.run(text)) == pytest.approx(seen[dark][1], abs=0.02)
        assert page.complaints() == []
    assert seen[False][0] - seen[False][1] > 0.7
    assert seen[True][1] - seen[True][0] > 0.7


@pytest.mark.parametrize("which", ["report", "episodes"])
def test_a_phone_shows_everything_without_scrolling_sideways(
    show: Show, which: str, request: pytest.FixtureRequest
) -> None:
    page = show(request.getfixturevalue(which), width=360)
    for number in range(3):
        page.run(OPEN.format(number))
    page.until("document.querySelectorAll('.turns').length === 3")
    assert page.run("document.documentElement.scrollWidth") <= 360
    size = page.run("parseFloat(getComputedStyle(document.querySelector('.seen pre')).fontSize)")
    assert size >= 12


def test_search_finds_text_in_any_part_of_an_episode(show: Show, episodes: Path) -> None:
    page = show(episodes)
    assert page.run(COUNT) == "120 of 120 episodes"
    search(page, "ROPE-11")  # a task's name: 11 and 110 to 119
    assert page.run(COUNT) == "11 of 120 episodes"
    search(page, "cue 3 2")  # an observation: every seventh
    assert page.run(COUNT) == "17 of 120 episodes"
    search(page, "pytest -q")  # an action
    assert page.run(COUNT) == "40 of 120 episodes"
    search(page, "(.*")  # no pattern, but text that is nowhere
    assert page.run(COUNT) == "0 of 120 episodes"
    search(page, "pytest -q")
    page.run(OPEN.format(0))
    page.until("document.querySelectorAll('mark.hit').length > 0")
    assert page.run("document.querySelector('mark.hit').textContent") == "pytest -q"
    assert page.complaints() == []


def test_filters_narrow_the_list_together_and_reset_widens_it(show: Show, episodes: Path) -> None:
    page = show(episodes)
    names = page.run("[...document.querySelectorAll('#browser select')].map(s => s.name)")
    assert names == ["round", "success", "actor"]  # one method, one outcome: nothing to choose
    choose(page, "round", "2")
    assert page.run(COUNT) == "40 of 120 episodes"
    choose(page, "success", "yes")
    assert page.run(COUNT) == "10 of 120 episodes"
    choose(page, "success", "")
    choose(page, "actor", "student")
    assert page.run(COUNT) == "20 of 120 episodes"
    choose(page, "round", "0")
    assert page.run(COUNT) == "0 of 120 episodes"
    page.run("document.querySelector('#browser button[type=reset]').click()")
    page.until(f"{COUNT} === '120 of 120 episodes'")
    page.run("document.querySelector('input[name=differs]').click()")
    assert page.run(COUNT) == "40 of 120 episodes"


def test_an_episode_shows_who_acted_the_label_and_where_they_differ(
    show: Show, episodes: Path
) -> None:
    page = show(episodes)
    page.run("document.querySelector('input[name=differs]').click()")
    page.run(OPEN.format(0))
    page.until("document.querySelector('.turns') !== null")
    turns = page.run(
        "[...document.querySelectorAll('.turns > li')].map(t => ["
        "t.querySelector('.actor').textContent, t.querySelector('.seen pre').textContent,"
        "[...t.querySelectorAll('.did mark')].map(m => m.textContent),"
        "[...t.querySelectorAll('.label mark')].map(m => m.textContent)])"
    )
    assert [turn[0] for turn in turns] == ["teacher acted", "student acted"] * 2
    assert turns[0][1] == "rope: cue 1 0"
    assert [turn[2:] for turn in turns[:3]] == [[[], []]] * 3
    assert turns[3][2:] == [["pytest -q"], ["cat step3.py"]]
    whole = "document.querySelector('.pair .{} pre').textContent"
    assert page.run(whole.format("did")) == "```bash\npytest -q\n```"
    assert page.run(whole.format("label")) == "```bash\ncat step3.py\n```"
    assert "verification" in page.run("document.querySelectorAll('.turns h4')[3].textContent")


def test_the_parts_that_differ_make_up_the_whole_texts_however_long(
    show: Show, tmp_path: Path
) -> None:
    made = make_episode(0, length=1)
    turn = made.turns[0]
    pairs = [("a b " * 2_000, "b c " * 2_000), ("", "x"), ("naïve 方法 \ud800", "naive 方 \ud800")]
    with EpisodeStore(tmp_path / "s.jsonl") as store:
        for i, (action, label) in enumerate(pairs):
            did, said = (type(turn.action)(text) for text in (action, label))
            own = type(turn)("o", did, turn.actor, said, 0.0)
            store.append(type(made)(f"{i}", i, "", 1, (own,), made.outcome))
    page = show(view(View(tmp_path / "s.jsonl", open_page=False), Console(quiet=True)))
    for i, pair in enumerate(pairs):
        page.run(OPEN.format(i))
        page.until(f"document.querySelectorAll('.episode')[{i}].querySelector('.pair') !== null")
        for part, text in zip(("did", "label"), pair, strict=True):
            seen = page.run(
                f"document.querySelectorAll('.episode')[{i}]"
                f".querySelector('.pair .{part} pre').textContent"
            )
            assert seen == text.replace("\ud800", "\ufffd") or seen == text
    assert page.complaints() == []


def test_what_a_model_wrote_runs_nothing(show: Show, episodes: Path, report: Path) -> None:
    for path in (episodes, report):
        page = show(path)
        search(page, "onerror=")
        page.run("document.querySelectorAll('.episode').forEach(e => { e.open = true; })")
        page.until("document.querySelectorAll('.turns').length > 0")
        assert page.run("document.querySelectorAll('.turns img, .turns script').length") == 0
        shown = page.run("document.querySelector('.turns .seen pre').textContent")
        assert '</script><script>alert(1)</script><!--<script><img src=x onerror="al' in shown
        # Even if markup got in, the page's policy lets no other script run.
        page.run(
            "document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.ran=1\">')"
        )
        inline = "const s = document.createElement('script'); s.textContent = 'window.ran = 1';"
        page.run(f"(() => {{ {inline} document.body.append(s); }})()")
        assert page.run("window.ran === undefined")


def test_texts_of_every_kind_reach_the_reader_unit_by_unit(show: Show, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    bits = [
        "<", ">", "&", "</", "script", "SCRIPT", "<!--", "-->", "]]>", "\\", '"', "'", "`", "\n",
        "\r", "\u2028", "\u2029", "\ud83d", "\ude00", "\x00", "\x1b", "\ufeff", "{{", "${", "style",
        "é", "方", "u003c", " ",
    ]  # fmt: skip
    texts = ["".join(rng.choice(bits, rng.integers(1, 12))) for _ in range(400)]
    made = make_episode(0, length=1)
    with EpisodeStore(tmp_path / "s.jsonl") as store:
        for i, text in enumerate(texts):
            turn = replace(made.turns[0], observation=text)
            store.append(replace(made, key=f"{i}", turns=(turn,)))
    page = show(view(View(tmp_path / "s.jsonl", open_page=False), Console(quiet=True)))
    units = page.run(
        "(() => { const d = JSON.parse(document.getElementById('browser-data').textContent);"
        "return d.episodes.map(e => [...Array(d.texts[e.turns[0].observation].length).keys()]"
        ".map(i => d.texts[e.turns[0].observation].charCodeAt(i))); })()"
    )
    expected = [
        list(memoryview(text.encode("utf-16-le", "surrogatepass")).cast("H")) for text in texts
    ]
    assert units == expected
    assert page.run("document.querySelectorAll('script').length") == 2
    assert page.complaints() == []


def test_everything_can_be_done_from_the_keyboard(show: Show, episodes: Path) -> None:
    page = show(episodes)
    page.key("/", "/")
    assert page.run("document.activeElement.name") == "text"
    assert page.run("document.activeElement.value") == ""
    page.run("document.activeElement.blur()")
    page.key("j", "j")
    page.key("j", "j")
    page.key("Enter", "\r")
    page.until("document.querySelectorAll('.episode')[1].open")
    page.key("k", "k")
    page.key("Enter", "\r")
    page.until("document.querySelectorAll('.episode')[0].open")
    page.key("Tab")
    assert page.run("document.activeElement.closest('.episode') !== null")


def test_thousands_of_episodes_are_listed_in_pieces_and_filtered_at_once(
    show: Show, tmp_path: Path
) -> None:
    lines: list[Any] = [make_episode(i, length=12, text=f"text {i} " * 60) for i in range(100)]
    with EpisodeStore(tmp_path / "s.jsonl") as store:
        store.append(lines[0])
    from baselines.reporting.entries import of_episode, payload
    from baselines.reporting.pages import render

    entries = [of_episode(lines[i % 100], {"seed": str(i)}) for i in range(4_000)]
    path = tmp_path / "large.html"
    path.write_text(render("episodes.html.j2", title="large", data=payload(entries)))
    page = show(path)
    assert page.run("document.querySelectorAll('.episode').length") == 50
    page.run("document.querySelector('button.more').click()")
    assert page.run("document.querySelectorAll('.episode').length") == 100
    assert page.run("document.activeElement.closest('li') === document.querySelector("
                    "'.episodes').children[50]")  # fmt: skip
    milliseconds = page.run(
        "(() => { const f = document.querySelector('#browser form'), t = performance.now();"
        "f.elements.namedItem('text').value = 'text 42 text';"
        "f.requestSubmit(); return performance.now() - t; })()"
    )
    assert page.run(COUNT) == "40 of 4,000 episodes"
    assert milliseconds < 2_000  # a tenth of that where nothing else runs


def test_on_paper_there_are_the_open_episodes_and_no_controls(show: Show, report: Path) -> None:
    page = show(report, media="print", dark=True)
    assert page.run(BACKGROUND) == "rgb(255, 255, 255)"
    page.run(OPEN.format(1))
    page.until("document.querySelector('.turns') !== null")
    hidden = "[...document.querySelectorAll('{}')].filter(e => e.getClientRects().length).length"
    assert page.run(hidden.format(".episode")) == 1
    assert page.run(hidden.format("#browser form, button.more")) == 0
    assert page.run(hidden.format("svg.plot")) == 41
    pdf = page.send("Page.printToPDF", printBackground=False)["data"]
    assert pdf.startswith("JVBERi")  # "%PDF-"
