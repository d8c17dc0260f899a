"""What a learned gate looks at: a moment as a row of numbers."""

import re
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from dagger_algo.conversation import Conversation
from dagger_algo.errors import ConfigError
from dagger_algo.gates.entropy import uncertainty
from dagger_algo.gates.gate import Moment

Features = Callable[[Sequence[Moment]], np.ndarray]
"""Moments -> float array of shape (moments, features). It may look at the state and the student's
proposal, and at nothing that changes while it is trained: after an interruption it is asked about
past moments again, by a student that has learnt since. (`HiddenFeatures` look at a frozen copy.)"""

_WORD = re.compile(r"\S+")
_NUMBERS = 7


@dataclass(frozen=True)
class TextFeatures:
    """Features that any student and environment have: how unsure the student is, how far the
    episode is, whether it repeats itself, lengths, and the last words that were seen."""

    buckets: int = 64
    """Words are counted in so many buckets by their hash."""
    words: int = 32
    """How many words are looked at, from the end of what was seen last."""

    def __post_init__(self) -> None:
        if self.buckets < 1 or self.words < 1:
            raise ConfigError(
                f"buckets={self.buckets} and words={self.words} must be 1 or more each"
            )

    def __call__(self, moments: Sequence[Moment]) -> np.ndarray:
        """Shape (moments, 7 + buckets)."""
        return np.array([self._row(moment) for moment in moments]).reshape(
            len(moments), _NUMBERS + self.buckets
        )

    def _row(self, moment: Moment) -> np.ndarray:
        row = np.zeros(_NUMBERS + self.buckets)
        row[:_NUMBERS] = _numbers(moment)
        for word in last_words(moment.state, self.words):
            row[_NUMBERS + zlib.crc32(word.encode("utf-8", "surrogatepass")) % self.buckets] += 1.0
        return row


class Embedder(Protocol):
    """A model that stays as it is and tells its hidden states."""

    def features(self, conversations: Sequence[Conversation]) -> np.ndarray:
        """Of each state a row of numbers, (n, d)."""
        ...


@dataclass(frozen=True)
class HiddenFeatures:
    """The hidden state from which the student's action is drawn, as it was before this training,
    and the seven numbers of `TextFeatures` about the student as it is.

    model: a frozen copy (`LMPolicy.frozen`), made before the algorithm's first round: an
    interrupted run starts with those very weights too, so that it makes the same copy and decides
    as it would have, up to what the arithmetic of a forward pass owes to cached keys and values.
    """

    model: Embedder

    def __call__(self, moments: Sequence[Moment]) -> np.ndarray:
        """Shape (moments, 7 + d)."""
        hidden = self.model.features([moment.state for moment in moments])
        numbers = np.array([_numbers(moment) for moment in moments]).reshape(-1, _NUMBERS)
        return np.hstack([numbers, hidden])


def _numbers(moment: Moment) -> tuple[float, ...]:
    """How unsure the student is and whether it says, the turn, repetition, lengths."""
    state, proposal = moment.state, moment.proposal
    unsure = None if proposal is None else uncertainty(proposal)
    text = "" if proposal is None else proposal.text
    return (
        float(unsure is not None),
        unsure or 0.0,
        np.log1p(state.turn),
        float(bool(state.actions) and state.actions[-1].text == text),
        float(len(state.observations) > 1 and state.observations[-1] == state.observations[-2]),
        np.log1p(len(state.observations[-1])),
        np.log1p(len(text)),
    )


def last_words(state: Conversation, count: int) -> list[str]:
    """The last `count` words of what was seen last: where a command's verdict stands."""
    return _WORD.findall(state.observations[-1])[-count:]
