"""A rope without an expert: what a user's own environment may be."""

from typing import Any

import gymnasium as gym

from swe_gym_env.toys import Tightrope


class QuietRope(gym.Wrapper[str, str, str, str]):
    """The tightrope, which nobody can walk for you."""

    def __init__(self, *, split: str = "train") -> None:
        rope: Any = Tightrope(horizon=2, cues=2, actions=2, split=split)
        super().__init__(rope)


gym.register("QuietRope-v0", QuietRope)


class MuteRope(gym.Wrapper[str, str, str, str]):
    """The tightrope with an expert that one may ask for, and that never says a word."""

    def __init__(self, *, split: str = "train", expert: bool = False) -> None:
        rope: Any = Tightrope(horizon=2, cues=2, actions=2, split=split)
        super().__init__(rope)


gym.register("MuteRope-v0", MuteRope)


class Talk(gym.Env[str, str]):
    """Three turns of talk in a syntax for tool calls, in which nothing can be won."""

    def __init__(self, *, tool_format: str = "bash_block", split: str = "train") -> None:
        self.observation_space = gym.spaces.Text(1000)
        self.action_space = gym.spaces.Text(1000)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[str, dict[str, Any]]:
        super().reset(seed=seed)
        self._turn = 0
        return "say baba", {}

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        self._turn += 1
        return f"heard {self._turn}", 0.0, self._turn == 3, False, {}


gym.register("Talk-v0", Talk)
