"""TextWorld (Côté et al. 2018, 1806.11532): text games that we did not write, and an expert that
we did not write either.

TextWorld's own `policy_commands` is the expert: it follows what has been done to the world, and
in every state that a game was seen to get into while it can be won, it wins. Here is nothing but a
`gym.Env` of strings around it: what decides who is ahead is not of our making.
"""

import re
from pathlib import Path
from typing import Any

import gymnasium as gym

from swe_gym_env.errors import OptionError
from swe_gym_env.spaces import UnicodeText
from swe_gym_env.toys.common import another, at_least, split_offset
from swe_gym_env.toys.knobs import Knobs
from swe_gym_env.toys.textworld_games import (
    GameSpec,
    cache_folder,
    game_file,
    import_textworld,
    open_game,
)

_INSTRUCTION = """You play a text adventure. Every turn shows what your last command brought \
about, where you are and what you carry. Answer with one command and with nothing else. You have \
{max_turns} turns.{slips}
Commands: {templates}
Your task: {objective}"""
_KINDS = {"c": "container", "d": "door", "f": "food", "k": "key", "o": "object", "s": "support"}
# The game's prompt and status line: "> ... -= Kitchen =-0/3".
_STATUS = re.compile(r"\n>[^\n]*\Z")
# Full stops, commas and "then" would chain commands, some of which are for the interpreter.
_COMMAND = re.compile(r"[A-Za-z0-9' -]{1,200}")
_LONGEST = 10_000
_SLIP, _ERROR = 1, 2


class TextWorld(gym.Env[str, str]):
    """Win a generated game.

    The first observation has the instruction, the kinds of command and the task; every observation
    ends with the room and what is carried. Games are made in `reset`, once for all (about 2 s
    each), and kept in a folder of the user's cache.

    An action is one command. Verbs are the game's own, so that nothing reaches the interpreter
    that would save, restart or quit; any other text costs the turn and is answered with the verbs.

    Reward: 1.0 on winning (terminated), else 0. Out of turns: truncated.
    info: `task` (str), `commands` (list of str, those that would do something); with expert=True
    also `expert_action` (str; "" at the end; None where nothing leads to victory any more).

    Args:
        quest_length: commands of the shortest way that the game was made for, T.
        rooms: of the map.
        objects: how many there are, the quest's included.
        instruction: "steps" tells every step of the task, "goal" only where it ends.
        theme: TextWorld's grammar. "house" has names and sentences of many kinds; "basic" has short
            sentences, and names such as box66, which are other ones in almost every game.
        games: how many different games the split has: seed n plays number n modulo `games`.
        max_turns: turns until truncation; None gives four times the quest's length.
        show_commands: list in every observation the commands that would do something.
        split: "train" or "heldout": no game is in both.
        expert: put `expert_action` into info.
        slip, reward, expert_error: as in `Knobs`; other words are other commands that would do
            something, and the way is measured in TextWorld's own policy.
        cache: folder of the games; None is XDG_CACHE_HOME/swe-gym/textworld.

    Raises:
        OptionError: an option is out of range, or (in `reset`) TextWorld is not installed.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012 (Gymnasium's own type)

    def __init__(
        self,
        *,
        quest_length: int = 5,
        rooms: int = 3,
        objects: int = 6,
        instruction: str = "steps",
        theme: str = "house",
        games: int = 100,
        max_turns: int | None = None,
        show_commands: bool = False,
        split: str = "train",
        expert: bool = False,
        slip: float = 0.0,
        reward: str = "sparse",
        expert_error: float = 0.0,
        cache: str | Path | None = None,
    ) -> None:
        self.knobs = Knobs(
            split=split, expert=expert, slip=slip, reward=reward, expert_error=expert_error
        )
        at_least(1, quest_length=quest_length, rooms=rooms, objects=objects, games=games)
        if instruction not in ("steps", "goal"):
            raise OptionError(f'instruction must be "steps" or "goal", not {instruction!r}')
        if theme not in ("house", "basic"):
            raise OptionError(f'theme must be "house" or "basic", not {theme!r}')
        self.max_turns = 4 * quest_length if max_turns is None else max_turns
        at_least(quest_length, max_turns=self.max_turns)
        self.games, self.show_commands = games, show_commands
        self._spec = GameSpec(quest_length, rooms, objects, instruction, theme)
        self._cache = cache_folder() if cache is None else Path(cache)
        self.observation_space = UnicodeText(_LONGEST)
        self.action_space = UnicodeText(10_000)
        self._game: Any = None
        self._over = True

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """Begin a game; the same seed gives the same one.

        Raises:
            OptionError: TextWorld is not installed, or can make no such game.
            TaskError: the folder of the games cannot be written.
        """
        super().reset(seed=seed)
        chosen = int(self.np_random.integers(2**31)) if seed is None else seed
        number = 2 * (chosen % self.games) + split_offset(self.knobs.split)
        self._draws = 2 * chosen + split_offset(self.knobs.split)
        self._task = f"textworld-{self.knobs.split}-{number // 2}"
        path = game_file(self._spec, number, self._cache)
        self.close()
        # The same for everyone, so that no text differs between training and evaluation.
        wanted = import_textworld().EnvInfos(
            description=True,
            inventory=True,
            objective=True,
            policy_commands=True,
            admissible_commands=True,
            command_templates=True,
        )
        self._game = open_game(path, wanted)
        self._now = self._game.reset()
        self._verbs = {template.split()[0] for template in self._now.command_templates}
        self._shortest = len(self._now.policy_commands)
        self._turns, self._behind, self._over = 0, 0.0, False
        return f"{self._instruction()}\n\n{self._look('')}"[-_LONGEST:], self._info()

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """Give a command.

        Raises:
            gymnasium.error.ResetNeeded: the episode is over, or none has begun.
        """
        if self._over:
            raise gym.error.ResetNeeded("This episode is over: call reset before step.")
        command = " ".join(str(action).split())
        slipped = another(
            command,
            self._now.admissible_commands,
            self.knobs.slip,
            (self._draws, self._turns, _SLIP),
        )
        told = "" if slipped == command else f"A slip: what is done is {slipped}.\n"
        if self._understood(slipped):
            self._now, _, _ = self._game.step(slipped)
            told += _plain(self._now.feedback)
        else:
            told += f"Not a command. Answer with one that begins with {self._listed_verbs()}."
        self._turns += 1
        won, lost = bool(self._now.won), bool(self._now.lost)
        truncated = not (won or lost) and self._turns >= self.max_turns
        self._over = won or lost or truncated
        if truncated:
            told += "\nYou are out of turns."
        observation = told if won or lost else self._look(told)
        return observation[-_LONGEST:], self._reward(won), won or lost, truncated, self._info()

    def close(self) -> None:
        """End the interpreter of the game under way, if any."""
        if self._game is not None:
            self._game.close()
            self._game = None

    def _understood(self, command: str) -> bool:
        words = command.lower().split()
        sound = _COMMAND.fullmatch(command) is not None and "then" not in words
        return sound and words[0] in self._verbs

    def _listed_verbs(self) -> str:
        return ", ".join(sorted(self._verbs))

    def _instruction(self) -> str:
        slip = self.knobs.slip
        return _INSTRUCTION.format(
            max_turns=self.max_turns,
            slips=f" With probability {slip:g} another command is carried out." * (slip > 0),
            templates=", ".join(
                sorted({_named(template) for template in self._now.command_templates})
            ),
            objective=self._now.objective,
        )

    def _look(self, told: str) -> str:
        """What was told, then the whole visible state."""
        room = _plain(self._now.description)
        parts = [told if not told.endswith(room) else told[: -len(room)].rstrip(), room]
        parts.append(_plain(self._now.inventory))
        if self.show_commands:
            parts.append(f"You can: {', '.join(self._now.admissible_commands)}")
        return "\n".join(part for part in parts if part)

    def _reward(self, won: bool) -> float:
        if self.knobs.reward == "sparse":
            return float(won)
        before = self._behind
        if won:
            self._behind = 1.0
        elif self._now.policy_commands:
            self._behind = 1 - len(self._now.policy_commands) / self._shortest
        return self._behind - before - (self._over and not won)

    def _info(self) -> dict[str, Any]:
        over = bool(self._now.won or self._now.lost)
        commands = [] if over else list(self._now.admissible_commands)
        info: dict[str, Any] = {"task": self._task, "commands": commands}
        if self.knobs.expert:
            info["expert_action"] = "" if over else self._expert()
        return info

    def _expert(self) -> str | None:
        if not self._now.policy_commands:
            return None
        return another(
            self._now.policy_commands[0],
            self._now.admissible_commands,
            self.knobs.expert_error,
            (self._draws, self._turns, _ERROR),
        )


def _plain(text: str | None) -> str:
    """The game's text without prompt, status line and empty lines."""
    lines = (line.strip() for line in _STATUS.sub("", text or "").splitlines())
    return "\n".join(line for line in lines if line)


def _named(template: str) -> str:
    """ "take {o} from {c}" as "take OBJECT from CONTAINER"."""
    return re.sub(r"\{(\w+)\}", lambda m: _KINDS.get(m[1], "thing").upper(), template)
