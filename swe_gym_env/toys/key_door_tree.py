"""The key-door tree: branching exploration, and errors that are mended by going back.

Chance has `branching` ** `depth` leaves to look for the key in, and as many for the door: the
outcome starves a learner that cannot read the signs. Before it has the key an expert never turns
back, so that its demonstrations lack what a student needs after a wrong turn. That shift is mild:
with as many labels, behaviour cloning was as good as DAgger wherever it was tried.
"""

from itertools import product
from typing import Any

import numpy as np

from swe_gym_env.errors import OptionError
from swe_gym_env.toys.common import at_least, enough_words, words
from swe_gym_env.toys.cues import CueTable
from swe_gym_env.toys.knobs import Knobs
from swe_gym_env.toys.word_env import WordEnv

_RULES = """You are at the root of a tree of rooms, {depth} exits deep. A key lies in one of its \
last rooms; the door that it opens is in another. Take the key, then open the door. Every turn \
shows a sign that points on: to the key until you have it, then to the door. Answer with one word \
and with nothing else: one of the {branching} exits, back (to the room before), take or open. The \
same sign always means the same. A word that does nothing here costs the turn. You have \
{max_turns} turns."""
_MOST_LEAVES = 4096
_KEY_HERE, _DOOR_HERE = "the key lies here", "the door is here"

Room = tuple[int, ...]
"""The exits taken from the root."""


class KeyDoorTree(WordEnv):
    """Find the key, then the door.

    The last line of every observation is the whole visible state, "no key: SIGN" or "key: SIGN";
    the first observation has the instruction above it. A sign of one word is a cue for an exit or
    for the way back, from a table that is the same in both splits, with signs of its own for those
    who have the key; "the key lies here" and "the door is here" say themselves. Key and door are
    in different branches of the root, so the shortest way is always as long. A word that is none
    of the words, or has nothing to act on, costs the turn.

    Reward: 1.0 on opening the door (terminated), else 0. Out of turns: truncated.
    info: `task` (str), `mistakes` (int, words that were not on a shortest way), `has_key` (bool);
    with expert=True also `expert_action` (str), the next word of the shortest way from any state,
    and "" at the end.

    Args:
        depth: exits between the root and a leaf.
        branching: exits of a room.
        cues: how many different signs there are, with and without the key each.
        zipf: exponent of the frequencies of the signs that mean the same; 0 makes all alike.
        max_turns: turns until truncation; None gives four times the horizon.
        knobs: see `Knobs`. expert_sees may be "room": an expert that cannot read signs, and looks
            into one room after another for what it has not yet seen. It needs
            4 * (branching + branching**2 + ... + branching**depth) turns at most.

    Attributes:
        horizon: words of the shortest way, 3 * depth + 2.

    Raises:
        OptionError: an option is out of range.
    """

    def __init__(
        self,
        *,
        depth: int = 2,
        branching: int = 3,
        cues: int = 32,
        zipf: float = 1.0,
        max_turns: int | None = None,
        **knobs: Any,
    ) -> None:
        shared = Knobs(**knobs)
        shared.check_sight(("room",))
        at_least(1, depth=depth)
        at_least(2, branching=branching)
        if branching**depth > _MOST_LEAVES:
            raise OptionError(f"branching ** depth must be {_MOST_LEAVES} or fewer")
        at_least(branching + 1, cues=cues)
        enough_words(branching=branching, cues=cues, cues_with_key=cues)
        horizon = 3 * depth + 2
        max_turns = 4 * horizon if max_turns is None else max_turns
        at_least(horizon, max_turns=max_turns)
        self.depth, self.branching = depth, branching

        self._exits = words(0, branching)
        rng = np.random.default_rng(shared.table_seed)
        self._signs = [
            _signs(words(branching + phase * cues, cues), (*self._exits, "back"), zipf, rng)
            for phase in (0, 1)
        ]
        self._rooms = {
            room: number
            for number, room in enumerate(
                room
                for level in range(depth + 1)
                for room in product(range(branching), repeat=level)
            )
        }
        rules = _RULES.format(depth=depth, branching=branching, max_turns=max_turns)
        said = (*self._exits, "back", "take", "open")
        super().__init__("key-door-tree", rules, said, horizon, max_turns, shared)

    def _begin(self, rng: np.random.Generator) -> None:
        first, second = rng.choice(self.branching, size=2, replace=False)
        rest = rng.integers(self.branching, size=(2, self.depth - 1))
        self._key: Room = (int(first), *map(int, rest[0]))
        self._door: Room = (int(second), *map(int, rest[1]))
        self._draws = rng.random((2, len(self._rooms)))
        self._room: Room = ()
        self._has_key = self._open = False
        self._mistakes = 0
        self._seen: set[Room] = {self._room}

    def _move(self, word: str) -> None:
        self._mistakes += word != self._right()
        inner = len(self._room) < self.depth
        if inner and word in self._exits:
            self._room = (*self._room, self._exits.index(word))
        elif word == "back":
            self._room = self._room[:-1]
        elif word == "take" and self._room == self._key:
            self._has_key = True
        elif word == "open" and self._room == self._door and self._has_key:
            self._open = True
        self._seen.add(self._room)

    def _goal(self) -> Room:
        return self._door if self._has_key else self._key

    def _toward(self, goal: Room) -> str:
        """The next word of the only way without a detour; "" at the goal."""
        if self._room == goal:
            return ""
        here = len(self._room)
        return self._exits[goal[here]] if goal[:here] == self._room else "back"

    def _right(self) -> str:
        return self._toward(self._goal()) or ("open" if self._has_key else "take")

    def _guess(self) -> str:
        if self._goal() in self._seen:
            return self._right()
        here = self._room
        if len(here) < self.depth:
            for index, word in enumerate(self._exits):
                if self._unseen((*here, index)):
                    return word
        return "back"

    def _unseen(self, room: Room) -> bool:
        """There is a room that was never looked into, here or behind."""
        if len(room) == self.depth or room not in self._seen:
            return room not in self._seen
        return any(self._unseen((*room, index)) for index in range(self.branching))

    def _left(self) -> int:
        """Words of the shortest way from here."""
        if self._open:
            return 0
        if self._has_key:
            return _apart(self._room, self._door) + 1
        return _apart(self._room, self._key) + 1 + 2 * self.depth + 1

    def _progress(self) -> float:
        return 1 - self._left() / self.horizon

    def _state(self) -> str:
        if self._open:
            return "The door opens."
        way = self._toward(self._goal())
        if way:
            draw = self._draws[int(self._has_key), self._rooms[self._room]]
            sign = _pick(self._signs[self._has_key][way], draw)
        else:
            sign = _DOOR_HERE if self._has_key else _KEY_HERE
        return f"{'key' if self._has_key else 'no key'}: {sign}"

    def _counts(self) -> dict[str, Any]:
        return {"mistakes": self._mistakes, "has_key": self._has_key}


def _signs(
    cues: tuple[str, ...], meanings: tuple[str, ...], zipf: float, rng: np.random.Generator
) -> dict[str, CueTable]:
    """Meaning -> its signs: the cues are dealt out, so that every meaning has one."""
    dealt = [meanings[i] for i in rng.permutation(np.arange(len(cues)) % len(meanings))]
    return {
        meaning: CueTable(
            own := [cue for cue, means in zip(cues, dealt, strict=True) if means == meaning],
            [meaning] * len(own),
            zipf,
        )
        for meaning in meanings
    }


def _pick(table: CueTable, draw: float) -> str:
    """The cue that a uniform draw from [0, 1) comes to."""
    index = int(np.searchsorted(np.cumsum(table.frequency), draw, side="right"))
    return table.cues[min(index, len(table.cues) - 1)]


def _apart(one: Room, other: Room) -> int:
    """Moves between two rooms."""
    shared = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        shared += 1
    return len(one) + len(other) - 2 * shared
