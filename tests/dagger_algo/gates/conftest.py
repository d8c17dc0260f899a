"""Moments made by hand, a score that can be read off the page, and runs on the tightrope."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from dagger_algo.conversation import Action, Actor, Conversation, Episode, Outcome, Turn
from dagger_algo.dagger import DaggerConfig, dagger
from dagger_algo.gates.gate import Decision, Gate, Moment, Sees
from dagger_algo.ledger import Budget
from dagger_algo.run import Silent
from tests.support.walker import tightrope_run

T, S = Actor.TEACHER, Actor.STUDENT


def _moment(
    *observations: str,
    actions: Sequence[str] = (),
    actors: str = "",
    proposal: Action | str | None = None,
    label: str | None = None,
    key: str = "1/0/0",
) -> Moment:
    """At turn len(observations) - 1; actors: one letter t or s per turn taken."""
    names = list(actions) or ["a"] * (len(observations) - 1)
    done = tuple(Action(name) for name in names)
    who = actors or "s" * len(done)
    turns = tuple(
        Turn(seen, action, T if letter == "t" else S, None, 0.0)
        for seen, action, letter in zip(observations, done, who, strict=False)
    )
    given = Action(proposal) if isinstance(proposal, str) else proposal
    state = Conversation(key, observations, done)
    return Moment(state, turns, given, None if label is None else Action(label))


@pytest.fixture
def moment() -> Callable[..., Moment]:
    return _moment


class Said:
    """A score that reads its number from the last observation."""

    sees = Sees.STATE

    def __call__(self, moments: Sequence[Moment]) -> list[float]:
        return [float(moment.state.observations[-1]) for moment in moments]


@pytest.fixture
def said() -> Said:
    return Said()


def _actors(gate: Gate, moments: Sequence[Moment]) -> str:
    letters = {T: "t", S: "s"}
    return "".join(letters[decision.actor] for decision in gate(moments))


@pytest.fixture
def actors() -> Callable[[Gate, Sequence[Moment]], str]:
    """Who acts at each moment, one letter each."""
    return _actors


def _episode(scores: Sequence[float], taught: Sequence[bool], key: str = "1/0/0") -> Episode:
    turns = tuple(
        Turn(str(score), Action("a"), T if by else S, None, 0.0, score=score)
        for score, by in zip(scores, taught, strict=True)
    )
    return Episode(key, 0, "", 1, turns, Outcome.TERMINATED)


@pytest.fixture
def scored() -> Callable[..., Episode]:
    """An episode with these scores."""
    return _episode


class Always:
    """A gate that always says the same."""

    sees = Sees.STATE

    def __init__(self, actor: Actor, ask: bool, score: float | None = None) -> None:
        self.decision = Decision(actor, ask, score)

    def __call__(self, moments: Sequence[Moment]) -> list[Decision]:
        return [self.decision] * len(moments)


@pytest.fixture
def always() -> type[Always]:
    return Always


def _train(
    config: DaggerConfig, folder: Path, budget: Budget, gate: Gate | None = None, **env: Any
) -> tuple[Silent, list[Episode]]:
    log = Silent()
    with tightrope_run(folder, budget, log, episodes=10, **env) as run:
        dagger(run, config, gate)
        return log, list(run.store)


@pytest.fixture
def train() -> Callable[..., tuple[Silent, list[Episode]]]:
    """DAgger on the tightrope with a table for a student: the rounds' figures and the episodes."""
    return _train
