"""The tightrope: one slip leads where no demonstration goes.

Behaviour cloning sees only the rope, so a slip of probability ε per step costs it the rest of the
episode: O(εT²). An agent that was also labelled in the pit pays `pit_depth` turns for a slip:
O(uεT) with u = `pit_depth` (Ross, Gordon & Bagnell 2011, theorems 2.1 and 3.2).
"""

from typing import Any

import numpy as np

from swe_gym_env.toys.common import at_least, enough_words, words
from swe_gym_env.toys.cues import draw_tables
from swe_gym_env.toys.knobs import Knobs
from swe_gym_env.toys.word_env import WordEnv

_RULES = """\
You walk a rope of {horizon} steps. Every turn shows one cue. Answer with the one word that \
belongs to the cue and with nothing else. The same cue always wants the same word. The right \
word takes you one step on; any other drops you into the pit beside the rope. The pit has cues \
of its own, and {way_out} You have {max_turns} turns to reach the far end."""
_WAYS_OUT = {
    True: "{pit_depth} right words lift you back onto the rope, one step further on.",
    False: "nothing leads out of it.",
}


class Tightrope(WordEnv):
    """Walk `horizon` steps by answering each cue with its word.

    The last line of every observation is the whole state, "rope: CUE" or "pit: CUE"; the first
    observation has the instruction above it. The word of a cue is a fixed random one, the same in
    both splits: a table that can only be learnt by seeing its entries, of which some are rare.
    A wrong word on the rope is a slip and leads to the bottom of the pit; a wrong word in the pit
    costs the turn. Text that is none of the words is a wrong word and is answered with the words.

    Reward: 1.0 on reaching the far end (terminated), else 0. Out of turns: truncated.
    info: `task` (str), `slips` (int), `position` (int, steps done); with expert=True also
    `expert_action` (str), right in every state, and "" once the far end is reached.

    Args:
        horizon: steps of the rope, T.
        cues: how many different cues the rope can show.
        zipf: exponent of their frequencies: the k-th is drawn in proportion to k ** -zipf;
            0 makes all alike.
        actions: how many words there are to answer with.
        pit_depth: right words needed to climb out, u.
        pit_cues: how many different cues the pit can show, all equally often.
        recoverable: False closes the pit: after a slip the turns go by without effect.
        max_turns: turns until truncation; None gives twice the horizon.
        knobs: see `Knobs`. expert_sees may be "initial" (only the first letter of a cue) or "rope"
            (an expert that has never fallen: in the pit it names the first of the words).

    Attributes:
        action_words: every word that is an answer.

    Raises:
        OptionError: an option is out of range.
    """

    def __init__(
        self,
        *,
        horizon: int = 20,
        cues: int = 64,
        zipf: float = 1.0,
        actions: int = 8,
        pit_depth: int = 3,
        pit_cues: int = 16,
        recoverable: bool = True,
        max_turns: int | None = None,
        **knobs: Any,
    ) -> None:
        shared = Knobs(**knobs)
        shared.check_sight(("initial", "rope"))
        at_least(1, horizon=horizon, cues=cues, pit_depth=pit_depth, pit_cues=pit_cues)
        at_least(2, actions=actions)
        enough_words(cues=cues, pit_cues=pit_cues, actions=actions)
        max_turns = 2 * horizon if max_turns is None else max_turns
        at_least(horizon, max_turns=max_turns)
        self.pit_depth, self.recoverable = pit_depth, recoverable

        said = words(0, actions)
        sizes = cues, pit_cues
        self._on_rope, self._in_pit = draw_tables(shared.table_seed, said, sizes, (zipf, 0.0))
        self._guesses = self._on_rope.guesses() | self._in_pit.guesses()
        way_out = _WAYS_OUT[recoverable].format(pit_depth=pit_depth)
        rules = _RULES.format(horizon=horizon, max_turns=max_turns, way_out=way_out)
        super().__init__("tightrope", rules, said, horizon, max_turns, shared)

    def _begin(self, rng: np.random.Generator) -> None:
        self._rope = self._on_rope.draw(rng, self.horizon)
        pit = rng.integers(len(self._in_pit.cues), size=(self.horizon, self.pit_depth))
        self._pit: list[list[str]] = [[self._in_pit.cues[cue] for cue in levels] for levels in pit]
        self._position = self._depth = self._slips = 0

    def _move(self, word: str) -> None:
        right = word == self._right()
        if self._depth == 0:
            if right:
                self._position += 1
            else:
                self._slips += 1
                self._depth = self.pit_depth
        elif right and self.recoverable:
            self._depth -= 1
            # Climbing out passes the cue that caused the slip; else a policy that errs at it
            # would fall for ever, and u would have no bound.
            self._position += self._depth == 0

    def _cue(self) -> str:
        if self._depth:
            return self._pit[self._position][self._depth - 1]
        return self._rope[self._position]

    def _right(self) -> str:
        return (self._in_pit if self._depth else self._on_rope).right[self._cue()]

    def _guess(self) -> str:
        if self.knobs.expert_sees == "initial":
            return self._guesses[self._cue()]
        return self.action_words[0] if self._depth else self._right()

    def _progress(self) -> float:
        return self._position / self.horizon

    def _state(self) -> str:
        if self._position == self.horizon:
            return "You have reached the far end."
        return f"{'pit' if self._depth else 'rope'}: {self._cue()}"

    def _counts(self) -> dict[str, Any]:
        return {"slips": self._slips, "position": self._position}
