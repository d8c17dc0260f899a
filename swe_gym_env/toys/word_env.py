"""What all toys have in common: one word a turn, turns that run out, noise, reward, expert."""

from abc import abstractmethod
from typing import Any

import gymnasium as gym
import numpy as np

from swe_gym_env.spaces import UnicodeText
from swe_gym_env.toys.common import another, split_offset, unknown_word
from swe_gym_env.toys.knobs import Knobs

_SLIP, _ERROR = 1, 2


class WordEnv(gym.Env[str, str]):
    """A game in which every turn shows a state and wants a word.

    The last line of every observation is the whole visible state; the first observation has the
    instruction above it. Any text is an action: what is none of the words is a wrong word, and is
    answered with the words. A toy says what is drawn, shown, right and done; see its own docstring.

    Attributes:
        action_words: every word that is an answer.
        horizon: right words from the start to the goal, T.
        max_turns: turns until truncation.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012 (Gymnasium's own type)

    def __init__(
        self,
        name: str,
        rules: str,
        action_words: tuple[str, ...],
        horizon: int,
        max_turns: int,
        knobs: Knobs,
        called: str = "Words",
    ) -> None:
        self.action_words = action_words
        self.horizon, self.max_turns = horizon, max_turns
        self.split, self.expert = knobs.split, knobs.expert
        self.knobs = knobs
        self._name = name
        slips = f" With probability {knobs.slip:g} another word than yours is said." * (
            knobs.slip > 0
        )
        self._instruction = f"{rules}{slips}\n{called}: {', '.join(action_words)}"
        self.observation_space = UnicodeText(
            len(self._instruction) + len(", ".join(action_words)) + 512
        )
        self.action_space = UnicodeText(10_000)
        self._over = True

    @abstractmethod
    def _begin(self, rng: np.random.Generator) -> None:
        """Draw a task and stand at its start."""

    @abstractmethod
    def _state(self) -> str:
        """The whole visible state, on one line."""

    @abstractmethod
    def _right(self) -> str:
        """The word that is right here."""

    @abstractmethod
    def _guess(self) -> str:
        """What an expert would say here that sees only the part `knobs.expert_sees`."""

    @abstractmethod
    def _move(self, word: str) -> None:
        """Execute a word, or a text that is none."""

    @abstractmethod
    def _progress(self) -> float:
        """Share of the way that is behind: 0 at the start, 1 at the goal and only there."""

    @abstractmethod
    def _counts(self) -> dict[str, Any]:
        """What the toy itself puts into info."""

    def _lost(self) -> bool:
        """The episode is over short of the goal."""
        return False

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """A new task; the same seed gives the same one."""
        super().reset(seed=seed)
        chosen = int(self.np_random.integers(2**31)) if seed is None else seed
        self._task = f"{self._name}-{self.split}-{chosen}"
        self._number = 2 * chosen + split_offset(self.split)
        self._turns = 0
        self._begin(np.random.default_rng(self._number))
        self._behind = self._progress()
        self._over = False
        return f"{self._instruction}\n{self._state()}", self._info()

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """Say a word.

        Raises:
            gymnasium.error.ResetNeeded: the episode is over, or none has begun.
        """
        if self._over:
            raise gym.error.ResetNeeded("This episode is over: call reset before step.")
        said = str(action).strip()
        word = self._or_another(said, self.knobs.slip, _SLIP)
        self._move(word)
        self._turns += 1
        terminated = self._won() or self._lost()
        truncated = not terminated and self._turns >= self.max_turns
        self._over = terminated or truncated
        lines = [] if said in self.action_words else [unknown_word(action, self.action_words)]
        lines += [f"A slip: what is said is {word}."] if word != said else []
        lines += ["You are out of turns."] if truncated else []
        observation = "\n".join([*lines, self._state()])
        return observation, self._reward(), terminated, truncated, self._info()

    def _won(self) -> bool:
        return self._progress() == 1.0

    def _reward(self) -> float:
        if self.knobs.reward == "sparse":
            return float(self._won())
        before, self._behind = self._behind, self._progress()
        return self._behind - before - (self._over and not self._won())

    def _or_another(self, word: str, p: float, why: int) -> str:
        return another(word, self.action_words, p, (self._number, self._turns, why))

    def _info(self) -> dict[str, Any]:
        info = {"task": self._task, **self._counts()}
        if self.expert:
            info["expert_action"] = self._expert()
        return info

    def _expert(self) -> str:
        if self._won() or self._lost():
            return ""
        word = self._right() if self.knobs.expert_sees == "all" else self._guess()
        return self._or_another(word, self.knobs.expert_error, _ERROR)
