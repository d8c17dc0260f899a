"""Which turns of a conversation a model sees that is too long for it.

The first turn (it has the task) and the latest ones; turns in between are dropped. The window
moves seldom: when it overflows it drops down to `KEPT` of the room, so that keys and values stay
good in the turns that follow, and so that the labels of those turns share one piece in training.
Acting (`Sight`) and training (`splitting.py`) both ask `History.cuts`, which goes by the
conversation alone: at the same state they see the same turns.
"""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dagger_algo.conversation import Action, Conversation
from dagger_algo.errors import ConfigError
from dagger_algo.lm.codec import ChatCodec

KEPT = 0.75


@dataclass(frozen=True, slots=True)
class Cut:
    """Where a conversation goes on: at turn `turn`, after turn 0 (`head`) or from there alone."""

    turn: int
    head: bool

    def kept(self, last: int) -> list[int]:
        """The turns that are seen, up to and with turn `last`."""
        if last == 0:
            return [0]
        return [*([0] if self.head else []), *range(self.turn, last + 1)]


WHOLE = Cut(1, True)


def reserve(limit: int, room: int) -> int:
    """How many of a model's `limit` positions are kept free for an action of `room` tokens: half of
    them at most."""
    return min(room, limit // 2)


class History:
    """The prefixes of one conversation under any cut, without laying them out.

    observations may be one longer than actions.
    """

    def __init__(
        self, codec: ChatCodec, observations: Sequence[str], actions: Sequence[Action]
    ) -> None:
        self.codec, self.observations = codec, observations
        self.stream = codec.stream(observations, actions)
        ids, ends = self.stream.ids, self.stream.ends
        # An action that was cut off is closed by the template's own end of turn.
        self._begins = [0, *(end + (ids[end - 1] != codec.end_of_turn) for end in ends)]

    def length(self, cut: Cut, turn: int) -> int:
        """Tokens ahead of the action at `turn`."""
        starts = self.stream.starts
        if turn == 0 or cut == WHOLE:
            return starts[turn]
        if cut.head:
            return self._begins[1] + starts[turn] - self._begins[cut.turn]
        return len(self._opened(cut.turn)) + starts[turn] - starts[cut.turn]

    def ids(self, cut: Cut, turn: int) -> list[int]:
        """Those tokens."""
        ids, starts = self.stream.ids, self.stream.starts
        if turn == 0 or cut == WHOLE:
            return ids[: starts[turn]]
        if cut.head:
            return ids[: self._begins[1]] + ids[self._begins[cut.turn] : starts[turn]]
        return self._opened(cut.turn) + ids[starts[cut.turn] : starts[turn]]

    def cuts(self, limit: int, room: int) -> list[Cut]:
        """What is seen at every turn by a model of `limit` positions that may say `room` tokens.

        Everything, as long as that leaves `reserve`. Then the first turn and as many of the latest
        ones as `KEPT` of the rest holds. Where the first turn does not fit beside the newest
        observation and a quarter of the reserve, the latest turns alone, until it does again. The
        last cut may be too long all the same: then the newest observation is, by itself.
        """
        full = limit - reserve(limit, room)
        least = limit - reserve(limit, room) // 4
        cuts, cut = [], WHOLE
        for turn in range(len(self.stream.starts)):
            if not cut.head or self.length(cut, turn) > full:
                cut = self.place(turn, full, least, cut.turn) or Cut(turn, False)
            cuts.append(cut if turn else WHOLE)
        return cuts

    def place(self, turn: int, full: int, least: int, after: int = 2) -> Cut | None:
        """A new cut, not before turn `after`, with room to grow up to `full` tokens if there is
        any; `least` is what the first turn and the newest may take. None where nothing fits."""
        for cut, most in self._choices(turn, full, least, max(2, after)):
            if self.length(cut, turn) <= most:
                return cut
        return None

    def _choices(self, turn: int, full: int, least: int, after: int) -> Iterator[tuple[Cut, float]]:
        if turn == 0:
            yield WHOLE, full
            return
        for first in range(after, turn + 1):
            yield Cut(first, True), KEPT * full
        yield Cut(turn, True), least
        for first in range(min(after, turn), turn + 1):
            yield Cut(first, False), KEPT * full
        yield Cut(turn, False), full

    def _opened(self, turn: int) -> list[int]:
        return self.codec.stream([self.observations[turn]], []).ids


class Sight:
    """What a model of `limit` positions (None: any number) sees of live conversations.

    shortened: states acted in so far that were seen without some of their turns; the first one is
    warned of.
    """

    def __init__(self, codec: ChatCodec, limit: int | None) -> None:
        self.codec, self.limit = codec, limit
        self.shortened = 0

    def seen(self, conversation: Conversation, room: int) -> list[int]:
        """The ids of a state as a model sees it that may say `room` tokens. Raises ConfigError
        where a single observation fills the context."""
        return self._look(conversation, room)[0]

    def acted(self, conversation: Conversation, room: int) -> list[int]:
        """The same, counted."""
        ids, length = self._look(conversation, room)
        if len(ids) < length:
            if not self.shortened:
                warnings.warn(
                    f"{_name(conversation)}: the conversation is {length:,} tokens long and the "
                    f"model takes {self.limit:,}, the action included; it sees the first turn and "
                    f"the latest ones, {len(ids):,} tokens. Others like it are only counted",
                    stacklevel=2,
                )
            self.shortened += 1
        return ids

    def _look(self, conversation: Conversation, room: int) -> tuple[list[int], int]:
        """What is seen, and how many ids there are in all."""
        ids = self.codec.state(conversation)
        if self.limit is None or len(ids) + reserve(self.limit, room) <= self.limit:
            return ids, len(ids)
        history = History(self.codec, conversation.observations, conversation.actions)
        seen = history.ids(history.cuts(self.limit, room)[-1], conversation.turn)
        if len(seen) >= self.limit:
            which = "newest" if conversation.turn else "first"
            raise ConfigError(
                f"{_name(conversation)}: the {which} observation alone is {len(seen):,} tokens "
                f"long and the model takes {self.limit:,}, the action included; cut observations "
                "in the environment, or choose a model with a longer context"
            )
        return seen, len(ids)


def _name(conversation: Conversation) -> str:
    return f"episode {conversation.key!r}, turn {conversation.turn}"
