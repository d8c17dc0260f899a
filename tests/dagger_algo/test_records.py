"""A record's bytes."""

import json
from dataclasses import asdict

from dagger_algo.conversation import Action, Actor, Episode, Outcome, Turn, Usage
from dagger_algo.records import plain


def test_plain_is_what_asdict_says_to_the_byte() -> None:
    said = Action("a", (1, 2), (-0.5, -0.25), 0.7, Usage(3, 4, cached=True))
    turns = (
        Turn("see", said, Actor.STUDENT, Action("b"), 0.0, True, said, 0.5),
        Turn("then", Action("c"), Actor.TEACHER, None, 1.0),
    )
    for episode in (
        Episode("1/7/0", 7, "task", 1, turns, Outcome.TERMINATED, "end"),
        Episode("1/7/1", 7, "", 1, (), Outcome.INFRA),
    ):
        assert json.dumps(plain(episode)) == json.dumps(asdict(episode))
