"""What a learned gate looks at: a moment as a row of numbers."""

import re
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from dagger_algo.conversation import Conversation
from dagger_algo.errors import ConfigError
from dagger_algo.gates.entropy import uncertainty
from dagger_algo.gates.gate import Moment

Features = Callable[[Sequence[Moment]], np.ndarray]
"""Moments -> float array of shape (moments, features). It may look at the state and the student's
proposal, and at nothing that changes while it is trained (not at its hidden states, say, unless
they are of a frozen copy): after an interruption it is asked about past moments again."""

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
        state, proposal = moment.state, moment.proposal
        unsure = None if proposal is None else uncertainty(proposal)
        text = "" if proposal is None else proposal.text
        row = np.zeros(_NUMBERS + self.buckets)
        row[:_NUMBERS] = (
            unsure is not None,
            unsure or 0.0,
            np.log1p(state.turn),
            bool(state.actions) and state.actions[-1].text == text,
            len(state.observations) > 1 and state.observations[-1] == state.observations[-2],
            np.log1p(len(state.observations[-1])),
            np.log1p(len(text)),
        )
        for word in last_words(state, self.words):
            row[_NUMBERS + zlib.crc32(word.encode("utf-8", "surrogatepass")) % self.buckets] += 1.0
        return row


def last_words(state: Conversation, count: int) -> list[str]:
    """The last `count` words of what was seen last: where a command's verdict stands."""
    return _WORD.findall(state.observations[-1])[-count:]
