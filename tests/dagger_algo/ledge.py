"""A text environment in which what is learnt on one side of an error may serve on the other."""

from typing import Any

import gymnasium as gym
import numpy as np

from dagger_algo.conversation import Conversation

WORDS = tuple("abcdefgh")


class Ledge(gym.Env[str, str]):
    """Say the letter that you are shown, twelve times. A wrong one drops you onto the ledge, from
    which two right ones lift you back; a wrong one there shows another letter. The rule is the
    same on both sides, so a student that has grasped it is lost nowhere. Letters are not alike:
    the later ones are rare."""

    def __init__(self, length: int = 12) -> None:
        self.observation_space = gym.spaces.Text(1000)
        self.action_space = gym.spaces.Text(1000)
        self.length = length

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[str, dict[str, Any]]:
        super().reset(seed=seed)
        self._rng = np.random.default_rng(seed)
        self._done = self._down = self._turns = 0
        return self._look()

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        right = action == self._letter
        self._turns += 1
        if self._down:
            self._down -= right
        elif right:
            self._done += 1
        else:
            self._down = 2
        over = self._done == self.length
        observation, info = self._look()
        return observation, float(over), over, self._turns >= 2 * self.length, info

    def _look(self) -> tuple[str, dict[str, Any]]:
        often = 1.0 / np.arange(1, len(WORDS) + 1)
        self._letter = str(self._rng.choice(WORDS, p=often / often.sum()))
        place = "ledge" if self._down else "path"
        return f"{place} {self._letter}", {"expert_action": self._letter}


def letter(conversation: Conversation) -> str:
    """The state of a student that has grasped that the place does not matter."""
    return conversation.observations[-1].split()[-1]


def whole_line(conversation: Conversation) -> str:
    """The state of one that learns each place by itself."""
    return conversation.observations[-1]
