"""The data that flows: actions, the states they are taken in, and the episodes they make up."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Actor(StrEnum):
    """Who acts in a turn."""

    STUDENT = "student"
    TEACHER = "teacher"


class Outcome(StrEnum):
    """Why an episode ended."""

    TERMINATED = "terminated"  # the environment said so: the task is over
    TRUNCATED = "truncated"  # the environment's limit on turns was reached
    CUT = "cut"  # a budget ran out in the middle: labels so far are good, the reward is not
    INFRA = "infra"  # the environment broke, not the agent: never counted as a failure


@dataclass(frozen=True, slots=True)
class Usage:
    """What one answer cost.

    tokens_in, tokens_out: as the one who answered counts them. money: in the currency of the price
    list, when it was asked. seconds: wall-clock, retries included. cached: it came from a cache,
    and cost nothing now. saved: the part of `money` that a cache saved.
    """

    tokens_in: int = 0
    tokens_out: int = 0
    money: float = 0.0
    seconds: float = 0.0
    cached: bool = False
    saved: float = 0.0

    @property
    def paid(self) -> float:
        """What it really cost now, in the same currency."""
        return 0.0 if self.cached else self.money - self.saved


@dataclass(frozen=True, slots=True)
class Action:
    """One whole turn of an agent: reasoning and tool call, as text.

    token_ids: exactly the ids that were sampled, end-of-turn token included; None where the
        policy has no tokens (scripts, servers).
    logprobs: log-probability of each of those ids under the policy that sampled them, nats.
    entropy: mean entropy of the distributions that those ids were drawn from, nats per token.
    usage: what it cost to get, where that is known.
    """

    text: str
    token_ids: tuple[int, ...] | None = None
    logprobs: tuple[float, ...] | None = None
    entropy: float | None = None
    usage: Usage | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Conversation:
    """A state s_t: everything seen and done in an episode before turn t.

    key: names the episode, and is the same at all its turns; caches and random streams hang on it.
    observations: T+1 texts, the first one being the whole instruction.
    actions: the T actions executed so far.
    info: the newest `info` of the environment; only privileged teachers read it.
    """

    key: str
    observations: tuple[str, ...]
    actions: tuple[Action, ...] = ()
    info: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def turn(self) -> int:
        """Index of the turn about to be taken, from 0."""
        return len(self.actions)

    def after(self, action: Action, observation: str, info: Mapping[str, Any]) -> "Conversation":
        """The state that `action` and what it brought about lead to."""
        return Conversation(
            self.key, (*self.observations, observation), (*self.actions, action), info
        )


@dataclass(frozen=True, slots=True)
class Turn:
    """One step of an episode.

    observation: what was seen before acting.
    action: what was executed, and by whom (`actor`).
    label: what the teacher would have done here; None where it was not asked for that or did not
        answer.
    reward: of this step.
    asked: the teacher was asked for a label here, whether or not it answered.
    proposal: what the student would have done, where a gate wanted to know; equal to `action` where
        the student then acted.
    score: what the gate went by, in the gate's own unit.
    lost: what the teacher's answers cost that were lost here, where that is known.
    again: the teacher was asked a second time here, for what it executes.
    lost_again: what was lost of that one; not in `lost`.
    """

    observation: str
    action: Action
    actor: Actor
    label: Action | None
    reward: float
    asked: bool = False
    proposal: Action | None = None
    score: float | None = None
    lost: Usage | None = field(default=None, compare=False)
    again: bool = False
    lost_again: Usage | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Episode:
    """A finished roll-out.

    key: unique within a run. seed: what the environment was reset with. task: the environment's
    own name of the task, "" where it has none. round: 0 for a warm start, then 1, 2, ...
    """

    key: str
    seed: int
    task: str
    round: int
    turns: tuple[Turn, ...]
    outcome: Outcome
    final_observation: str = ""

    @property
    def reward(self) -> float:
        """Sum of the rewards (undiscounted return)."""
        return sum(turn.reward for turn in self.turns)

    @property
    def success(self) -> bool:
        """The environment paid: a positive return."""
        return self.reward > 0
