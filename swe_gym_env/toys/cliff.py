"""The cliff: one way only; an error ends all hope.

What DAgger buys is recovery: O(uεT) with u the cost of an error. Here u is all that is left of the
episode, for every method, and labels at the foot of the cliff teach what is of no use on its path.
The honest control: DAgger has no advantage to be had from recovery. (In the lock an error is as
final, but cannot be seen.)
"""

from typing import Any

import numpy as np

from swe_gym_env.toys.common import at_least, enough_words, words
from swe_gym_env.toys.cues import draw_tables
from swe_gym_env.toys.knobs import Knobs
from swe_gym_env.toys.word_env import WordEnv

_RULES = """You walk along a cliff for {horizon} steps. Every turn shows one cue. Answer with the \
one word that belongs to the cue and with nothing else. The same cue always wants the same word. \
The right word takes you one step on; any other, and you fall. {below}"""
_BELOW = {
    True: "There is no way back up.",
    False: "There is no way back up, though cues go on below for a while.",
}


class Cliff(WordEnv):
    """Walk `horizon` steps without a wrong word.

    The last line of every observation is the whole state, "path: CUE" or "below: CUE"; the first
    observation has the instruction above it. The word of a cue is fixed and the same in both
    splits. Text that is none of the words is a wrong word and is answered with the words.

    Reward: 1.0 on reaching the far end, else 0 (terminated either way).
    info: `task` (str), `mistakes` (int, 0 or 1), `position` (int, steps done before any fall);
    with expert=True also `expert_action` (str), right in every state (below: the word that belongs
    to the cue, which helps nobody), and "" at the end.

    Args:
        horizon: steps of the path, T.
        cues: how many different cues the path can show.
        zipf: exponent of their frequencies: the k-th is drawn in proportion to k ** -zipf;
            0 makes all alike.
        actions: how many words there are to answer with.
        below_cues: how many different cues there are below, all equally often.
        aftermath: turns that an episode goes on after a fall, though never beyond its `horizon`-th
            turn; None is until then, so that every episode takes as long. With 0 an episode ends
            where its error was, so that a student's episodes are rich in its own errors.
        knobs: see `Knobs`. expert_sees may be "initial" (only the first letter of a cue).

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
        below_cues: int = 16,
        aftermath: int | None = None,
        **knobs: Any,
    ) -> None:
        shared = Knobs(**knobs)
        shared.check_sight(("initial",))
        at_least(1, horizon=horizon, cues=cues, below_cues=below_cues)
        at_least(2, actions=actions)
        self.aftermath = horizon if aftermath is None else aftermath
        at_least(0, aftermath=self.aftermath)
        enough_words(cues=cues, below_cues=below_cues, actions=actions)

        said = words(0, actions)
        sizes = cues, below_cues
        self._above, self._below = draw_tables(shared.table_seed, said, sizes, (zipf, 0.0))
        self._guesses = self._above.guesses() | self._below.guesses()
        rules = _RULES.format(horizon=horizon, below=_BELOW[self.aftermath == 0])
        super().__init__("cliff", rules, said, horizon, horizon, shared)

    def _begin(self, rng: np.random.Generator) -> None:
        self._path = self._above.draw(rng, self.horizon)
        self._foot = self._below.draw(rng, self.horizon)
        self._position = self._fallen = 0
        self._turn = 0

    def _move(self, word: str) -> None:
        if self._fallen or word != self._right():
            self._fallen += 1
        else:
            self._position += 1
        self._turn += 1

    def _cue(self) -> str:
        return self._foot[self._turn] if self._fallen else self._path[self._position]

    def _right(self) -> str:
        return (self._below if self._fallen else self._above).right[self._cue()]

    def _guess(self) -> str:
        return self._guesses[self._cue()]

    def _progress(self) -> float:
        return self._position / self.horizon

    def _lost(self) -> bool:
        return self._fallen > self.aftermath or (self._fallen > 0 and self._turn == self.horizon)

    def _state(self) -> str:
        if self._lost():
            return "You lie at the foot of the cliff."
        if self._position == self.horizon:
            return "You have reached the far end."
        return f"{'below' if self._fallen else 'path'}: {self._cue()}"

    def _counts(self) -> dict[str, Any]:
        return {"mistakes": int(self._fallen > 0), "position": self._position}
