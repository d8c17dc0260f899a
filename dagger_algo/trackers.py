"""Figures of a run for experiment trackers, by name, and several logs as one.

with Trackers(["tensorboard", "jsonl"], folder) as trackers:
    student = LMPolicy.load(model, processes=Alone(trackers.step))
    run = Run(student, ..., log=Several(Silent(), trackers))
"""

import difflib
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from numbers import Real
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

from dagger_algo.errors import ConfigError
from dagger_algo.ledger import Ledger
from dagger_algo.run import Log

JSONL = "jsonl"
RUN_NAMES = {
    "wandb": "name",
    "trackio": "name",
    "mlflow": "run_name",
    "swanlab": "experiment_name",
}
"""Trackers that hold runs together in projects, and what each calls the name of a run."""


class Several:
    """Tells several logs, in this order."""

    def __init__(self, *logs: Log) -> None:
        self._logs = logs

    def progress(self, phase: str, ledger: Ledger) -> None:
        for log in self._logs:
            log.progress(phase, ledger)

    def round(self, figures: dict[str, Any]) -> None:
        for log in self._logs:
            log.round(figures)

    def resumed(self, rounds: list[dict[str, Any]]) -> None:
        for log in self._logs:
            log.resumed(rounds)


class Trackers:
    """A `Log` that sends each round's figures to trackers as `round/NAME`, and by `step`, which a
    learner's processes are handed, each optimizer step's as `train/NAME`.

    Both stand at the number of optimizer steps taken, because some trackers (wandb) take none that
    goes back. Only numbers are sent; those that are not finite are left out.
    """

    def __init__(
        self,
        names: Sequence[str],
        folder: Path,
        name: str = "run",
        *,
        settings: Mapping[str, Any] = MappingProxyType({}),
        project: str | None = None,
    ) -> None:
        """names: `jsonl` (FOLDER/NAME.jsonl, which needs nothing) and those of accelerate
        (tensorboard, wandb, mlflow, ..., or your own, see its `register_tracker_class`). name: of
        the run. settings: of the run, for trackers that show them. project: what the run belongs
        to, for trackers that know such a thing (`RUN_NAMES`). Where the student has an
        `Accelerator` of its own, make that one first.

        Raises ConfigError for a tracker that is unknown or not installed.
        """
        self._file = _File(folder / f"{name}.jsonl") if JSONL in names else None
        others = [one for one in dict.fromkeys(names) if one != JSONL]
        within = {one: {RUN_NAMES[one]: name} for one in others if project and one in RUN_NAMES}
        alone: dict[str, dict[str, str]] = {one: {} for one in others if one not in within}
        self._accelerators = [
            _begin(group, folder, title, settings)
            for group, title in ((within, project or name), (alone, name))
            if group
        ]
        self._steps: int | None = None

    def step(self, figures: Mapping[str, float], step: int) -> None:
        """An optimizer step is done."""
        self._steps = step
        self._tell("train", figures, step)

    def progress(self, phase: str, ledger: Ledger) -> None: ...

    def round(self, figures: dict[str, Any]) -> None:
        steps = figures.get("optimizer_steps", 0) if self._steps is None else self._steps
        self._tell("round", figures, steps)

    def resumed(self, rounds: list[dict[str, Any]]) -> None:
        """What the file has of later rounds is cut off; trackers elsewhere keep it."""
        if self._file is not None:
            self._file.keep(len(rounds))

    def close(self) -> None:
        """End the run at every tracker; safe to call twice."""
        for accelerator in self._accelerators:
            for tracker in accelerator.trackers:
                tracker.finish()
        self._accelerators = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _tell(self, kind: str, figures: Mapping[str, Any], step: int) -> None:
        numbers = dict(_numbers(kind, figures))
        if self._file is not None:
            self._file.write({"step": step, **numbers})
        for accelerator in self._accelerators:
            accelerator.log(numbers, step=step)


class _File:
    """A row per step and per round. It is begun anew unless a run is taken up again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._kept = False

    def keep(self, rounds: int) -> None:
        """The rows up to the end of that many rounds, and no others."""
        known = rounds and self._path.exists()
        rows = self._path.read_text(encoding="utf-8").splitlines(True) if known else []
        ends = [n for n, row in enumerate(rows, 1) if '"round/round"' in row]
        self._path.parent.mkdir(parents=True, exist_ok=True)
        part = self._path.with_name(self._path.name + ".part")
        part.write_text("".join(rows[: (ends[:rounds] or [0])[-1]]), encoding="utf-8")
        part.replace(self._path)
        self._kept = True

    def write(self, row: Mapping[str, Any]) -> None:
        if not self._kept:
            self.keep(0)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")


def _numbers(name: str, figures: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for key, value in figures.items():
        if isinstance(value, Mapping):
            yield from _numbers(f"{name}/{key}", value)
        elif isinstance(value, Real) and math.isfinite(value):
            yield f"{name}/{key}", int(value) if isinstance(value, int) else float(value)


def check_trackers(names: Iterable[str]) -> None:
    """ConfigError for a tracker that is unknown or not installed."""
    others = [one for one in names if one != JSONL]
    if not others:
        return
    try:
        from accelerate import PartialState
        from accelerate.tracking import LOGGER_TYPE_TO_CLASS, filter_trackers
    except ImportError:
        raise ConfigError(
            f'trackers other than {JSONL} need accelerate: pip install "swe-dagger[lora]"'
        ) from None
    PartialState()  # the logger of `filter_trackers` asks for it
    for one in others:
        if one not in LOGGER_TYPE_TO_CLASS:
            known = [JSONL, *sorted(map(str, LOGGER_TYPE_TO_CLASS))]
            near = difflib.get_close_matches(one, known, 1)
            hint = f"did you mean {near[0]!r}? There" if near else "there"
            raise ConfigError(f"there is no tracker {one!r}; {hint} are {', '.join(known)}")
        if not filter_trackers([one], "."):
            raise ConfigError(f"the tracker {one!r} is not installed: pip install {one}")


def _begin(
    trackers: Mapping[str, Mapping[str, str]], folder: Path, title: str, settings: Mapping[str, Any]
) -> Any:  # Any: accelerate is optional
    """Of each tracker, what it is begun with besides the title and the settings."""
    check_trackers(trackers)
    from accelerate import Accelerator

    accelerator = Accelerator(log_with=list(trackers), project_dir=str(folder))
    plain = {key: v if isinstance(v, int | float | str) else str(v) for key, v in settings.items()}
    how = {one: dict(options) for one, options in trackers.items()}
    accelerator.init_trackers(title, config=plain or None, init_kwargs=how)
    return accelerator
