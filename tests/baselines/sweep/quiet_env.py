"""A rope without an expert: what a user's own environment may be."""

from typing import Any, ClassVar

import gymnasium as gym

from swe_gym_env.formats import MalformedCall, get_format
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
    """Three turns of talk, in which nothing can be won and nobody says what can be read."""

    def __init__(self, *, split: str = "train") -> None:
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


class StrictTalk(Talk):
    """Talk in one syntax for tool calls, of which it says what it cannot read while it is open.

    opened: how many of these are.
    """

    opened: ClassVar[int] = 0

    def __init__(self, *, tool_format: str = "bash_block", split: str = "train") -> None:
        super().__init__(split=split)
        self._format = get_format(tool_format)
        self._open = True
        StrictTalk.opened += 1

    def unreadable(self, action: str) -> str | None:
        assert self._open
        try:
            self._format.parse(action)
        except MalformedCall as lesson:
            return str(lesson)
        return None

    def close(self) -> None:
        StrictTalk.opened -= self._open
        self._open = False


gym.register("StrictTalk-v0", StrictTalk)


class Fenced(gym.Wrapper[str, str, str, str]):
    """Strict talk in bare commands, around which it puts the fences itself."""

    def __init__(self, *, split: str = "train") -> None:
        super().__init__(StrictTalk(split=split))

    def unreadable(self, action: str) -> str | None:
        return "one line, without fences" if "`" in action or "\n" in action else None

    def step(self, action: str) -> tuple[str, Any, bool, bool, dict[str, Any]]:
        return self.env.step(f"```bash\n{action}\n```")


gym.register("Fenced-v0", Fenced)
