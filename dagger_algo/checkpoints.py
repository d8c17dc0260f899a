"""Where a run stands after a whole round, on disk: what an interrupted run goes on from."""

import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dagger_algo.errors import CheckpointError
from dagger_algo.ledger import Budget, Ledger
from dagger_algo.policy import Student
from dagger_algo.records import figures_from_json, figures_to_json


@dataclass(frozen=True)
class Progress:
    """A run after round `round`.

    seeds: how many seeds of the stream were drawn. start: the ledger as the algorithm found it,
    ledger: as it stands. figures: of all rounds so far, oldest first.
    """

    round: int
    seeds: int
    start: dict[str, Any]
    ledger: dict[str, Any]
    figures: list[dict[str, Any]]


class Checkpoints:
    """A folder with the newest whole round; a round that is being written never replaces it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(self, progress: Progress, student: Student) -> None:
        """Write everything that training goes on from. Raises CheckpointError, and then the
        checkpoint before is still there."""
        new = self.folder / "writing"
        try:
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir(parents=True)
            student.save_state(new / "student")
            with (new / "progress.json").open("w", encoding="utf-8") as file:
                file.write(figures_to_json(asdict(progress)))
                file.flush()
                os.fsync(file.fileno())
            os.sync()
            target = self.folder / f"round-{progress.round:04d}"
            shutil.rmtree(target, ignore_errors=True)
            new.rename(target)
        except OSError as error:
            raise CheckpointError(
                f"cannot write a checkpoint to {self.folder}: {error}; the one before is untouched"
            ) from error
        for old in self._rounds()[:-1]:
            shutil.rmtree(old, ignore_errors=True)

    def keep(self, name: str, student: Student) -> None:
        """Write the student as it is now under a name, whole or not at all; CheckpointError."""
        new, target = self.folder / "keeping", self.folder / name
        try:
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir(parents=True)
            student.save_state(new)
            os.sync()
            shutil.rmtree(target, ignore_errors=True)
            new.rename(target)
        except OSError as error:
            raise CheckpointError(f"cannot write a checkpoint to {self.folder}: {error}") from error

    def load(self, student: Student) -> Progress | None:
        """Bring `student` to the newest checkpoint; None, and nothing done, when there is none."""
        rounds = self._rounds()
        if not rounds:
            return None
        try:
            text = (rounds[-1] / "progress.json").read_text(encoding="utf-8")
            progress = figures_from_json(text)
            student.load_state(rounds[-1] / "student")
            return Progress(**progress)
        except (OSError, ValueError, TypeError) as error:
            raise CheckpointError(
                f"the checkpoint {rounds[-1]} cannot be read ({error}): delete it, and the rounds "
                "are trained again on the episodes that are stored"
            ) from error

    def _rounds(self) -> list[Path]:
        return sorted(self.folder.glob("round-*"))


def ledger_of(data: dict[str, Any]) -> Ledger:
    """The ledger that `asdict` made into `data`."""
    return Ledger(**{**data, "budget": Budget(**data["budget"])})
