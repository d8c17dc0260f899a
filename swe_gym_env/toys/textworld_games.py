"""TextWorld's generated games on disk: made once, whoever asks, however many ask at once."""

import contextlib
import os
import shutil
import tempfile
import threading
import time
from dataclasses import astuple, dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from swe_gym_env.errors import OptionError, TaskError

# TextWorld makes and opens games with one parser for the whole process, which is not written for
# threads. Inform's compiler is a process of its own, and a game that is open has its own copy of
# the interpreter: these need no lock.
_TEXTWORLD = threading.Lock()
# One for each game: a group of environments asks for the same one at the same moment.
_MAKING: dict[Path, threading.Lock] = {}
_STALE_SECONDS = 3600


@dataclass(frozen=True)
class GameSpec:
    """What decides a game, together with its number.

    quest_length: commands of the walkthrough. rooms: of the map. objects: at least so many, those
    of the quest included. instruction: "steps" tells every step of the quest, "goal" only the last.
    theme: TextWorld's grammar, "house" or "basic".
    """

    quest_length: int
    rooms: int
    objects: int
    instruction: str
    theme: str


def import_textworld() -> ModuleType:
    """TextWorld, or an OptionError that says how to get it."""
    try:
        import textworld
        import textworld.generator
    except ImportError as error:
        raise OptionError(
            "TextWorld-v0 needs the package textworld: pip install 'swe-dagger[textworld]' "
            f"(Linux or macOS, with a C compiler and make). Importing it said: {error}"
        ) from error
    return textworld  # type: ignore[no-any-return]


def cache_folder() -> Path:
    """Where games are kept: XDG_CACHE_HOME/swe-gym/textworld."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "swe-gym" / "textworld"


def game_file(spec: GameSpec, number: int, cache: Path) -> Path:
    """The compiled game of that number, made now unless it is there.

    Safe among threads, of which one makes it, and among processes: a game is made in a folder of
    its own, which is then renamed, and of two one stays. About 2 s and 0.4 MB a game.

    Raises:
        OptionError: TextWorld is not installed, or can make no such game.
        TaskError: the folder cannot be written.
    """
    textworld = import_textworld()
    name = "-".join(str(part) for part in astuple(spec))
    folder = cache / f"textworld-{textworld.__version__}" / name / str(number)
    game = folder / "game.z8"
    with _MAKING.setdefault(folder, threading.Lock()):
        if not game.is_file():
            making = _new_folder(folder.parent)
            try:
                _make(textworld, spec, number, making / "game.z8")
                (making / "game.ni").unlink(missing_ok=True)
                # Not empty: another process was quicker, with the same game.
                with contextlib.suppress(OSError):
                    making.rename(folder)
            finally:
                shutil.rmtree(making, ignore_errors=True)
    return game


def open_game(path: Path, wanted: Any) -> Any:
    """The game in that file, in an interpreter of its own. wanted: `textworld.EnvInfos`.

    Safe among threads. About 10 ms, and 0.2 s once in every process.
    """
    textworld = import_textworld()
    with _TEXTWORLD:
        return textworld.start(str(path), wanted)


def _new_folder(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _remove_stale(folder)
        return Path(tempfile.mkdtemp(prefix="making-", dir=folder))
    except OSError as error:
        raise TaskError(
            f"Cannot keep games in {folder}: {error.strerror}. Free some disk, or set cache= or "
            "XDG_CACHE_HOME to a folder that may be written."
        ) from error


def _make(textworld: ModuleType, spec: GameSpec, number: int, path: Path) -> None:
    options = textworld.GameOptions()
    options.nb_rooms, options.nb_objects = spec.rooms, spec.objects
    options.quest_length = spec.quest_length
    options.grammar.theme = spec.theme
    options.grammar.only_last_action = spec.instruction == "goal"
    options.seeds = number
    options.path = str(path)
    generator = textworld.generator
    try:
        with _TEXTWORLD:
            game = generator.make_game(options)
        generator.compile_game(game, options)
    except (generator.QuestGenerationError, generator.CouldNotCompileGameError) as error:
        raise OptionError(
            f"TextWorld can make no game number {number} with {spec}: {str(error).strip()}. Ask "
            "for more rooms, or for a shorter quest."
        ) from error


def _remove_stale(folder: Path) -> None:
    """What makers that were killed have left."""
    for leftover in folder.glob("making-*"):
        with contextlib.suppress(OSError):
            if time.time() - leftover.stat().st_mtime > _STALE_SECONDS:
                shutil.rmtree(leftover, ignore_errors=True)
