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
