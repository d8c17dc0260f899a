"""What a gate is: an object that answers "who acts now?" from what is known at this turn.

A gate keeps no memory of the episodes under way: whatever it needs of them it reads from
`Moment.turns`, so that an interrupted collection can be taken up again. What it learns from
finished episodes it is told by `observe`, in the order in which they are stored.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Flag, auto
from typing import NamedTuple, Protocol, runtime_checkable

from dagger_algo.conversation import Action, Actor, Conversation, Episode, Turn


class Sees(Flag):
    """What must be asked before a gate can decide."""

    STATE = 0
    PROPOSAL = auto()  # the student's action at this state, sampled as it would act
    LABEL = auto()  # the teacher's action: every state then costs a query


@dataclass(frozen=True, slots=True)
class Moment:
    """One running episode at the moment of a decision.

    state: the conversation so far. turns: the turns taken so far, with who acted and the gate's
    scores. proposal, label: None unless the gate sees them (or the teacher had no answer).
    """

    state: Conversation
    turns: Sequence[Turn] = ()
    proposal: Action | None = None
    label: Action | None = None


class Decision(NamedTuple):
    """actor: who acts. ask: whether a label is wanted here when labels are asked for only where
    the gate says so. score: what the decision went by, in the gate's own unit; it is stored."""

    actor: Actor
    ask: bool = True
    score: float | None = None


class Gate(Protocol):
    """Decides who executes the next turn of each running episode."""

    @property
    def sees(self) -> Sees:
        """What it needs to know; asking costs."""
        ...

    def __call__(self, moments: Sequence[Moment]) -> Sequence[Decision]:
        """One decision per moment, in order. A decision may depend on nothing but its moment and
        what the gate has observed: not on the other moments of the batch."""
        ...


@runtime_checkable
class Adaptive(Protocol):
    """A gate that learns from episodes while it is used."""

    def observe(self, episode: Episode) -> None:
        """Told every finished episode, in the order of the store; also, after an interruption,
        those that were collected before it."""
        ...

    def figures(self) -> dict[str, float]:
        """What to say of it after a round: thresholds, calibration, share of interventions."""
        ...


@runtime_checkable
class Scheduled(Protocol):
    """A gate that changes with the rounds by a plan, as β does."""

    def in_round(self, i: int, rounds: int) -> Gate:
        """The gate of round `i` (from 1) of `rounds`; what it learns is shared by all rounds."""
        ...


def in_round(gate: Gate, i: int, rounds: int) -> Gate:
    """The gate of round `i`: itself, unless it is scheduled."""
    return gate.in_round(i, rounds) if isinstance(gate, Scheduled) else gate
