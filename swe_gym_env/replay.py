"""Recording episodes, and finding out at which turn a recorded one goes differently now.

A recording is plain data, one JSON object a line:

    {"seed": 3, "options": null, "observation": "...",
     "turns": [{"action": "...", "observation": "...", "reward": 0.0,
                "terminated": false, "truncated": false}, ...]}

`reward`, `terminated` and `truncated` may be left out; they are compared where they are there.
"""

import difflib
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
from gymnasium.utils import RecordConstructorArgs

from swe_gym_env.errors import OptionError

_DIFF_LINES = 40
_ABSENT = object()
_VOLATILE = re.compile(
    r"0x[0-9a-fA-F]{6,}"  # addresses
    r"|(?<![\w.])\d+(?:\.\d+)? ?(?:µs|us|ms|s|sec|secs|seconds?|minutes?)\b"  # durations
    r"|\b\d+m\d+\.\d+s\b"  # of bash's `time`
    r"|\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?"  # dates
    r"|\b\d\d:\d\d:\d\d(?:\.\d+)?"  # times of day
)


@dataclass(frozen=True)
class Divergence:
    """Where a replay first differed.

    turn: 0 is the reset, n the n-th action.
    what: "observation", "reward", "terminated", "truncated", or "end" (the environment had ended
        the episode before this action).
    expected, got: the recorded value and this one, before normalisation.
    diff: of an observation, as a unified diff after normalisation, at most 40 lines; else "".
    """

    turn: int
    what: str
    expected: Any
    got: Any
    diff: str = ""

    def __str__(self) -> str:
        where = "the reset" if self.turn == 0 else f"turn {self.turn}"
        if self.what == "end":
            return f"at {where} the episode is over already; the recording goes on"
        if self.diff:
            return f"at {where} the observation differs:\n{self.diff}"
        return f"at {where} {self.what} is {self.got!r}, recorded was {self.expected!r}"


@dataclass(frozen=True)
class Replay:
    """turns: actions executed. divergence: the first difference; None when there was none."""

    turns: int
    divergence: Divergence | None

    @property
    def same(self) -> bool:
        """Whether everything recorded came again."""
        return self.divergence is None


def mask_volatile(text: str) -> str:
    """A normaliser: durations, memory addresses, dates and times of day become "~"."""
    return _VOLATILE.sub("~", text)


def replay(
    episode: Mapping[str, Any],
    env: gym.Env[str, str],
    *,
    normalise: Callable[[str], str] = str,
    go_on: bool = False,
) -> Replay:
    """Execute a recorded episode again and report the first turn that differs.

    episode: a recording (see the module); its seed and options go to `reset`.
    env: made as it was for the recording; not closed.
    normalise: applied to both observations before they are compared, e.g. `mask_volatile`.
    go_on: execute the actions after a difference too, to leave the environment at the end.

    Raises OptionError when `episode` lacks a field or one is not what it should be.
    """
    turns = _checked(episode)
    observation, _ = env.reset(seed=episode.get("seed"), options=episode.get("options"))
    found = _compare(0, episode, {"observation": observation}, normalise)
    over = False
    for done, turn in enumerate(turns):
        if found and not go_on:
            return Replay(done, found)
        if over:
            return Replay(done, found or Divergence(done + 1, "end", turn["observation"], None))
        observation, reward, terminated, truncated, _ = env.step(turn["action"])
        over = terminated or truncated
        got = {
            "observation": observation,
            "reward": float(reward),
            "terminated": terminated,
            "truncated": truncated,
        }
        found = found or _compare(done + 1, turn, got, normalise)
    return Replay(len(turns), found)


class RecordEpisodes(gym.Wrapper[str, str, str, str], RecordConstructorArgs):
    """Append every episode of a text environment to a file that `replay` understands.

    path: JSON lines; made with its folder at the first episode's end. An episode that is left
        early, by `reset` or `close`, is written as far as it went.

    An episode that was reset without seed or task id can be replayed only where its task can be
    told from `info["task"]`, which is then recorded as reset's option.
    """

    def __init__(self, env: gym.Env[str, str], path: str | os.PathLike[str]) -> None:
        RecordConstructorArgs.__init__(self, path=os.fspath(path))
        gym.Wrapper.__init__(self, env)
        self._path = Path(path)
        self._episode: dict[str, Any] | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        self._write()
        observation, info = self.env.reset(seed=seed, options=options)
        if seed is None and not options and isinstance(info.get("task"), str):
            options = {"task": info["task"]}
        self._episode = {"seed": seed, "options": options, "observation": observation, "turns": []}
        return observation, info

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        observation, reward, terminated, truncated, info = self.env.step(action)
        if self._episode is not None:
            self._episode["turns"].append(
                {
                    "action": action,
                    "observation": observation,
                    "reward": float(reward),
                    "terminated": bool(terminated),
                    "truncated": bool(truncated),
                }
            )
            if terminated or truncated:
                self._write()
        return observation, float(reward), terminated, truncated, info

    def close(self) -> None:
        self._write()
        self.env.close()

    def _write(self) -> None:
        if self._episode is None:
            return
        # "surrogatepass" has no place in JSON: lone surrogates stay as \udXXX escapes in ASCII.
        line = json.dumps(self._episode).encode("ascii") + b"\n"
        self._episode = None
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # One write to a file opened for appending: environments side by side may share it.
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(descriptor, line)
        finally:
            os.close(descriptor)


def recordings(path: str | os.PathLike[str]) -> Iterator[dict[str, Any]]:
    """The episodes in a file, in order; OptionError names the line that is not one."""
    with Path(path).open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                episode = json.loads(line)
                _checked(episode)
            except (ValueError, OptionError) as error:
                raise OptionError(f"{path}, line {number}: {error}") from error
            yield episode


def _checked(episode: Any) -> list[Mapping[str, Any]]:
    if not isinstance(episode, Mapping):
        raise OptionError(f"a recording is an object, not {type(episode).__name__}")
    if not isinstance(episode.get("observation"), str):
        raise OptionError("a recording needs a text 'observation', the first one")
    turns = episode.get("turns")
    if not isinstance(turns, list | tuple):
        raise OptionError("a recording needs a list of 'turns'")
    for number, turn in enumerate(turns, 1):
        for name in ("action", "observation"):
            if not isinstance(turn, Mapping) or not isinstance(turn.get(name), str):
                raise OptionError(f"turn {number} of the recording needs a text {name!r}")
    return list(turns)


def _compare(
    turn: int,
    recorded: Mapping[str, Any],
    got: Mapping[str, Any],
    normalise: Callable[[str], str],
) -> Divergence | None:
    for what, value in got.items():
        expected = recorded.get(what, _ABSENT)
        if expected is _ABSENT or expected == value:
            continue
        if what != "observation":
            return Divergence(turn, what, expected, value)
        texts = [normalise(text) for text in (expected, value)]
        if texts[0] != texts[1]:
            return Divergence(turn, what, expected, value, _diff(*texts))
    return None


def _diff(expected: str, got: str) -> str:
    lines = list(
        difflib.unified_diff(
            expected.splitlines(), got.splitlines(), "recorded", "now", lineterm="", n=2
        )
    )
    if len(lines) > _DIFF_LINES:
        lines[_DIFF_LINES:] = [f"[... {len(lines) - _DIFF_LINES} more lines ...]"]
    # Only line ends differ.
    return "\n".join(lines) or f"recorded {expected!r}, now {got!r}"
