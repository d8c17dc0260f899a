"""The lenient corridor: an error costs a turn, leads nowhere new and is soon made good.

No horn of the trilemma is felt here. Cues after an error are drawn like those before it, so that a
teacher's demonstrations show every state that a student can get into (behaviour cloning has no
shift to suffer from), and random play arrives about every second time (the outcome alone teaches).
A control: where a method is ahead here, look for what is wrong with the comparison.
"""

from typing import Any

import numpy as np

from swe_gym_env.toys.common import at_least, enough_words, words
from swe_gym_env.toys.cues import draw_tables
from swe_gym_env.toys.knobs import Knobs
from swe_gym_env.toys.word_env import WordEnv

_RULES = """You walk a corridor of {horizon} steps. Every turn shows a new cue. Answer with the \
one word that belongs to the cue and with nothing else. The same cue always wants the same word. \
The right word takes you one step on; any other {on_error}. You have {max_turns} turns to reach \
the end."""


class Corridor(WordEnv):
    """Walk `horizon` steps; a wrong word costs the turn.

    The last line of every observation is the whole visible state, "corridor: CUE"; the first
    observation has the instruction above it. The word of a cue is fixed and the same in both
    splits. Every turn shows a new cue, whatever the last word was. Text that is none of the words
    is a wrong word and is answered with the words.

    Reward: 1.0 on reaching the end (terminated), else 0. Out of turns: truncated.
    info: `task` (str), `mistakes` (int), `position` (int, steps done); with expert=True also
    `expert_action` (str), right in every state, and "" at the end.

    Args:
        horizon: steps of the corridor, T.
        cues: how many different cues there are.
        zipf: exponent of their frequencies: the k-th is drawn in proportion to k ** -zipf;
            0 makes all alike.
        actions: how many words there are to answer with.
        error_cost: steps that a wrong word takes you back, u - 1: costly errors, but still no
            state that demonstrations do not show.
        max_turns: turns until truncation; None gives horizon times actions.
        knobs: see `Knobs`. expert_sees may be "initial" (only the first letter of a cue).

    Raises:
        OptionError: an option is out of range.
    """

    def __init__(
        self,
        *,
        horizon: int = 8,
        cues: int = 16,
        zipf: float = 0.0,
        actions: int = 4,
        error_cost: int = 0,
        max_turns: int | None = None,
        **knobs: Any,
    ) -> None:
        shared = Knobs(**knobs)
        shared.check_sight(("initial",))
        at_least(1, horizon=horizon, cues=cues)
        at_least(2, actions=actions)
        at_least(0, error_cost=error_cost)
        enough_words(cues=cues, actions=actions)
        max_turns = horizon * actions if max_turns is None else max_turns
        at_least(horizon, max_turns=max_turns)
        self.error_cost = error_cost

        said = words(0, actions)
        (self._cues,) = draw_tables(shared.table_seed, said, (cues,), (zipf,))
        self._guesses = self._cues.guesses()
        back = f"takes you back {error_cost}" if error_cost else "leaves you where you are"
        rules = _RULES.format(horizon=horizon, on_error=back, max_turns=max_turns)
        super().__init__("corridor", rules, said, horizon, max_turns, shared)

    def _begin(self, rng: np.random.Generator) -> None:
        self._shown = self._cues.draw(rng, self.max_turns + 1)
        self._turn = self._position = self._mistakes = 0

    def _move(self, word: str) -> None:
        if word == self._right():
            self._position += 1
        else:
            self._mistakes += 1
            self._position = max(0, self._position - self.error_cost)
        self._turn += 1

    def _right(self) -> str:
        return self._cues.right[self._shown[self._turn]]

    def _guess(self) -> str:
        return self._guesses[self._shown[self._turn]]

    def _progress(self) -> float:
        return self._position / self.horizon

    def _state(self) -> str:
        if self._position == self.horizon:
            return "You have reached the end."
        return f"corridor: {self._shown[self._turn]}"

    def _counts(self) -> dict[str, Any]:
        return {"mistakes": self._mistakes, "position": self._position}
