"""The command line: diagnose, train by one method, compare several, write a report again."""

import sys
from dataclasses import dataclass
from pathlib import Path

import tyro
from rich.console import Console

from baselines.compare import compare
from baselines.config import Compare, Train
from baselines.diagnose import Diagnose, diagnose
from baselines.report import print_summary, write_report
from dagger_algo.errors import ConfigError, DaggerError


@dataclass(frozen=True)
class Report:
    """Write report.html and table.md of a run again from its results."""

    folder: tyro.conf.Positional[Path]
    """The run's folder, for example runs/demo."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code: 0, 1 for a failure, 2 for wrong usage."""
    errors = Console(stderr=True)
    try:
        command = tyro.extras.subcommand_cli_from_dict(
            {"train": Train, "compare": Compare, "report": Report, "diagnose": Diagnose},
            prog="python -m baselines",
            args=arguments,
        )
        if isinstance(command, Report):
            _finish(command.folder)
        elif isinstance(command, Diagnose):
            diagnose(command, Console())
        else:
            _compare(command.comparison() if isinstance(command, Train) else command)
    except ConfigError as error:
        errors.print(f"error: {error}", style="red", markup=False, highlight=False)
        return 2
    except DaggerError as error:
        errors.print(f"error: {error}", style="red", markup=False, highlight=False)
        return 1
    except OSError as error:
        errors.print(
            f"error: {error}; what was written before is kept: mend that (a full disk? missing "
            "rights?) and start the same command again",
            style="red",
            markup=False,
            highlight=False,
        )
        return 1
    except KeyboardInterrupt:
        errors.print("stopped; the same command again goes on from here", style="yellow")
        return 130
    return 0


def _compare(config: Compare) -> None:
    try:
        compare(config)
    finally:
        # A failed cell does not take the others' report away.
        if (config.folder / "results.jsonl").exists() and not isinstance(
            sys.exc_info()[1], KeyboardInterrupt | ConfigError
        ):
            _finish(config.folder)


def _finish(folder: Path) -> None:
    write_report(folder)
    print_summary(folder, Console())
