"""The combination lock: the reward is at the very end, so chance never finds it.

Random play opens it with probability `actions` ** -`horizon`: the outcome starves a learner that
has nothing else, while one demonstration of each cue is all that an imitator needs. A wrong symbol
ends all hope but changes nothing that can be seen: student and teacher meet the same states.
"""

from typing import Any

import numpy as np

from swe_gym_env.toys.common import at_least, enough_words, words
from swe_gym_env.toys.cues import draw_tables
from swe_gym_env.toys.knobs import Knobs
from swe_gym_env.toys.word_env import WordEnv

_RULES = """You open a lock of {length} dials, one after another. Every turn shows one cue. \
Answer with the one symbol that belongs to the cue and with nothing else. The same cue always \
wants the same symbol. {on_error}"""
_ON_ERROR = {
    False: "The lock does not tell you when a symbol is wrong; one is enough to keep it shut.",
    True: "A wrong symbol takes you back to the first dial; you have {max_turns} turns.",
}


class CombinationLock(WordEnv):
    """Set `length` dials by answering each cue with its symbol.

    The last line of every observation is the whole visible state, "dial: CUE"; the first
    observation has the instruction above it. The symbol of a cue is fixed and the same in both
    splits. After a wrong symbol the lock goes on as if nothing were, but stays shut. Text that is
    none of the symbols is a wrong symbol and is answered with the symbols.

    Reward: 1.0 when the last dial is set and all were right, else 0 (terminated either way).
    info: `task` (str), `mistakes` (int); with expert=True also `expert_action` (str), right in
    every state (in a lock that is already spoilt: as though it were not), "" at the end.

    Args:
        length: dials.
        symbols: choices on each dial.
        horizon, actions: what length and symbols are called in every toy; they take precedence.
        cues: how many different cues there are.
        zipf: exponent of their frequencies: the k-th is drawn in proportion to k ** -zipf;
            0 makes all alike.
        forgiving: a wrong symbol leads back to the first dial instead of spoiling the lock.
        max_turns: turns until truncation, for a forgiving lock; None gives four times the length.
        knobs: see `Knobs`. expert_sees may be "initial" (only the first letter of a cue).

    Attributes:
        action_words: every symbol that is an answer.

    Raises:
        OptionError: an option is out of range.
    """

    def __init__(
        self,
        *,
        length: int = 8,
        symbols: int = 6,
        horizon: int | None = None,
        actions: int | None = None,
        cues: int = 16,
        zipf: float = 0.0,
        forgiving: bool = False,
        max_turns: int | None = None,
        **knobs: Any,
    ) -> None:
        shared = Knobs(**knobs)
        shared.check_sight(("initial",))
        at_least(1, length=length, cues=cues)
        at_least(2, symbols=symbols)
        if horizon is not None:
            at_least(1, horizon=horizon)
            length = horizon
        if actions is not None:
            at_least(2, actions=actions)
            symbols = actions
        enough_words(cues=cues, symbols=symbols)
        max_turns = 4 * length if max_turns is None else max_turns
        at_least(length, max_turns=max_turns)
        self.length, self.forgiving = length, forgiving

        said = words(0, symbols)
        (self._cues,) = draw_tables(shared.table_seed, said, (cues,), (zipf,))
        self._alike = zipf == 0
        self._guesses = self._cues.guesses()
        on_error = _ON_ERROR[forgiving].format(max_turns=max_turns)
        rules = _RULES.format(length=length, on_error=on_error)
        super().__init__("lock", rules, said, length, max_turns, shared, called="Symbols")

    def _begin(self, rng: np.random.Generator) -> None:
        if self._alike:
            # Not draw(): a seed goes on meaning the lock that it has always meant.
            drawn = rng.integers(len(self._cues.cues), size=self.length)
            self._combination = [self._cues.cues[i] for i in drawn]
        else:
            self._combination = self._cues.draw(rng, self.length)
        self._dial = self._mistakes = 0

    def _move(self, word: str) -> None:
        right = word == self._right()
        self._mistakes += not right
        self._dial = self._dial + 1 if right or not self.forgiving else 0

    def _right(self) -> str:
        return self._cues.right[self._combination[self._dial]]

    def _guess(self) -> str:
        return self._guesses[self._combination[self._dial]]

    def _progress(self) -> float:
        wrong = 0 if self.forgiving else self._mistakes
        return (self._dial - wrong) / self.length

    def _lost(self) -> bool:
        return self._dial == self.length and not self._won()

    def _state(self) -> str:
        if self._dial == self.length:
            return "The lock opens." if self._won() else "The lock stays shut."
        return f"dial: {self._combination[self._dial]}"

    def _counts(self) -> dict[str, Any]:
        return {"mistakes": self._mistakes}
