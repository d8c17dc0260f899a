"""What a cell's stored episodes say, round by round: read once, as a stream."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from dagger_algo.conversation import Action, Actor, Episode, Outcome
from dagger_algo.meter import Rate, Reached, opinions, same_action
from dagger_algo.stage_rules import Stage, shell_rules
from dagger_algo.stages import stages

STATES = 1_500  # kept of each round, for state coverage
_CHARACTERS = 20_000  # of a state


@dataclass
class Round:
    """Counts over one round's training episodes.

    turns, taught: all turns, and those in which the teacher acted. labelled, agreeing: turns of
    the student with a label, and those in which it made the same call. errors: disagreement by how
    the state was reached. states: a uniform sample of the states seen in training, as their
    newest observation, out of `visited`.
    """

    turns: int = 0
    taught: int = 0
    labelled: int = 0
    agreeing: int = 0
    stages: Counter[Stage] = field(default_factory=Counter)
    errors: dict[Reached, Rate] = field(default_factory=lambda: dict.fromkeys(Reached, Rate()))
    states: list[str] = field(default_factory=list)
    visited: int = 0


@dataclass
class Census:
    """One cell. taught_returns: of episodes in which the teacher alone acted, to their end."""

    rounds: dict[int, Round] = field(default_factory=dict)
    taught_returns: list[float] = field(default_factory=list)


def census(episodes: Iterable[Episode], states: bool = False) -> Census:
    """Count a cell's episodes; `states` are kept only when asked for (at most `STATES` a round)."""
    found = Census()
    rng = np.random.default_rng(0)
    for episode in episodes:
        count = found.rounds.setdefault(episode.round, Round())
        _count(count, episode)
        if all(turn.actor is Actor.TEACHER for turn in episode.turns) and (
            episode.turns and episode.outcome is not Outcome.CUT
        ):
            found.taught_returns.append(episode.reward)
        for state in _seen_states(episode) if states else ():
            count.visited += 1
            if len(count.states) < STATES:
                count.states.append(state)
            elif (place := int(rng.integers(count.visited))) < STATES:
                count.states[place] = state
    return found


def _count(count: Round, episode: Episode) -> None:
    count.turns += len(episode.turns)
    count.stages.update(stages(episode, _rules))
    for turn in episode.turns:
        if turn.actor is Actor.TEACHER:
            count.taught += 1
        elif turn.label is not None:
            count.labelled += 1
            count.agreeing += _same(turn.action, turn.label)
    for opinion in opinions(episode, _same):
        errors = count.errors[opinion.reached]
        count.errors[opinion.reached] = errors.plus(opinion.disagrees)


def _seen_states(episode: Episode) -> Iterator[str]:
    """Those with a label or an act of the teacher; all, where the teacher had no part at all."""
    taught = [t.label is not None or t.actor is Actor.TEACHER for t in episode.turns]
    for turn, learnt in zip(episode.turns, taught, strict=True):
        if learnt or not any(taught):
            yield turn.observation[-_CHARACTERS:]


@lru_cache(maxsize=5_000)
def _rules(text: str) -> tuple[Stage, ...]:
    return shell_rules(text)


def _same(one: Action, other: Action) -> bool:
    return one.text == other.text or _same_call(one.text, other.text)


@lru_cache(maxsize=5_000)
def _same_call(one: str, other: str) -> bool:
    return same_action(Action(one), Action(other))
