"""What goes into a page of episodes: any text whatever, and never more than a page can hold."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from baselines.reporting.entries import TEXT_LIMIT, Shelf, of_episode, payload
from dagger_algo.conversation import Action, Actor, Episode, Outcome, Turn
from tests.baselines.reporting.conftest import HOSTILE, make_episode

Make = Callable[..., Episode]
anything = st.text(st.characters(exclude_categories=()))  # lone surrogates and controls too


class _Script(HTMLParser):
    """The content of the first script element, as a browser delimits it, and what follows it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.content = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.content += data


@given(anything, anything, anything, anything)
@example(HOSTILE, "<!--", "<script>", "]]>")
def test_any_text_comes_back_as_it_was_and_none_of_it_is_markup(
    observation: str, action: str, label: str, task: str
) -> None:
    turn = Turn(observation, Action(action), Actor.STUDENT, Action(label), math.inf)
    entry = of_episode(
        Episode("1/0/0", 0, task, 1, (turn,), Outcome.TERMINATED, observation), {"method": task}
    )
    data = payload([entry], note=task)
    page = _Script(f'<script type="application/json">{data}</script>')
    assert page.tags == ["script"] and page.content == data
    read = json.loads(data, parse_constant=lambda name: 1 / 0)
    shown = read["episodes"][0]["turns"][0]
    texts = read["texts"]
    assert texts[shown["observation"]] == observation
    assert (texts[shown["action"]], texts[shown["label"]]) == (action, label)
    assert shown["reward"] == "inf"
    assert bool(shown.get("differs")) == (action != label)
    assert read["note"] == task


def test_a_text_that_occurs_often_is_stored_once() -> None:
    long = "x" * 5_000
    entries = [of_episode(make_episode(i, text=long), {}) for i in range(30)]
    assert len(payload(entries)) < 30 * 4 * 5_000 / 3


def test_of_a_very_long_text_the_middle_is_left_out_and_the_page_says_so() -> None:
    turn = Turn("a" * TEXT_LIMIT + "z" * TEXT_LIMIT, Action("b"), Actor.STUDENT, None, 0.0)
    entry = of_episode(Episode("1/0/0", 0, "", 1, (turn,), Outcome.CUT), {})
    seen = entry.turns[0]["observation"]
    assert seen.startswith("aaa") and seen.endswith("zzz")
    assert "20,000 characters left out" in seen and len(seen) < TEXT_LIMIT + 100


@given(st.integers(1, 40), st.integers(0, 300))
def test_a_shelf_keeps_no_more_than_its_limit_evenly_spread(limit: int, count: int) -> None:
    shelf = Shelf(limit)
    for i in range(count):
        if shelf.wants():
            shelf.add(of_episode(make_episode(i, length=1), {}))
    kept = [int(entry.name.removeprefix("rope-")) for entry in shelf.entries]
    assert len(kept) <= limit and len(kept) >= min(count, limit) / 2
    gaps = {b - a for a, b in pairwise(kept)}
    assert len(gaps) <= 1 and kept[:1] == [0][:count]
    assert shelf.seen == count
    assert (shelf.note() == "") == (len(kept) == count)


@pytest.mark.parametrize(
    ("outcome", "reward", "success"),
    [
        (Outcome.TERMINATED, 1.0, "yes"),
        (Outcome.TRUNCATED, 0.0, "no"),
        (Outcome.CUT, 0.0, "unknown"),
    ],
)
def test_of_an_episode_that_was_cut_success_is_unknown(
    outcome: Outcome, reward: float, success: str
) -> None:
    made = replace(make_episode(reward=reward), outcome=outcome)
    [shown] = json.loads(payload([of_episode(made, {})]))["episodes"]
    assert (shown["facets"]["outcome"], shown["facets"]["success"]) == (str(outcome), success)


def test_a_shelf_counts_the_characters_of_different_texts() -> None:
    shelf = Shelf(1_000, characters=10_000)
    for i in range(100):
        if shelf.wants():
            shelf.add(of_episode(make_episode(i, length=1, text=f"{i}" * 400), {}))
    assert 4 <= len(shelf.entries) <= 25
    same = Shelf(1_000, characters=10_000)
    for _ in range(100):
        if same.wants():
            same.add(of_episode(make_episode(0, length=1, text="7" * 400), {}))
    assert len(same.entries) == 100


def test_stages_are_named_only_where_an_action_has_one() -> None:
    turns = json.loads(payload([of_episode(make_episode(), {})]))["episodes"][0]["turns"]
    assert [turn["stage"] for turn in turns] == ["Exploration"] * 3 + ["Verification"]
    made = make_episode(length=1)
    mute = replace(made, turns=(replace(made.turns[0], action=Action("left")),))
    [turn] = json.loads(payload([of_episode(mute, {})]))["episodes"][0]["turns"]
    assert turn["stage"] == ""
