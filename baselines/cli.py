"""The command line: diagnose, train, compare, write a report again, view episodes."""

import argparse
import io
import os
import select
import sys
from contextlib import redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro
from rich.console import Console

from baselines import interrupts
from baselines.diagnose import Diagnose, diagnose
from baselines.reporting.report import print_summary, write_report
from baselines.reporting.view import View, view
from baselines.sweep.compare import compare
from baselines.sweep.config import Compare, Train
from baselines.sweep.dry_run import dry_run
from baselines.sweep.sweep_file import read_sweep
from dagger_algo.errors import ConfigError, DaggerError

# One line each, however wide the terminal: a log is searched by words.
_PLAIN: Any = {"style": "red", "markup": False, "highlight": False, "soft_wrap": True}


@dataclass(frozen=True)
class Report:
    """Write report.html and table.md of a run again from its results."""

    folder: tyro.conf.Positional[Path]
    """The run's folder, for example runs/demo."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code: 0, 1 for a failure, 2 for wrong usage."""
    errors = Console(stderr=True)
    try:
        command = _parse(sys.argv[1:] if arguments is None else arguments)
        interrupts.check()
        if isinstance(command, Report):
            _finish(command.folder)
        elif isinstance(command, Diagnose):
            diagnose(command, Console())
        elif isinstance(command, View):
            view(command, Console())
        else:
            _compare(command.comparison() if isinstance(command, Train) else command)
    except ConfigError as error:
        errors.print(f"error: {error}", **_PLAIN)
        return 2
    except DaggerError as error:
        errors.print(f"error: {error}", **_PLAIN)
        return 1
    except OSError as error:
        if isinstance(error, BrokenPipeError) and _nobody_reads():
            return 1
        errors.print(
            f"error: {error}; what was written before is kept: mend that (a full disk? missing "
            "rights?) and start the same command again",
            **_PLAIN,
        )
        return 1
    except KeyboardInterrupt:
        errors.print("stopped; the same command again goes on from here", style="yellow")
        return 130
    return 0


def _parse(arguments: list[str]) -> Train | Compare | Report | Diagnose | View:
    """What is asked for. The file that --config or the first word of `compare` names stands for the
    defaults of all other options."""
    if arguments[:1] == ["compare"] and arguments[1:2] and arguments[1].endswith((".yaml", ".yml")):
        arguments = ["compare", "--config", *arguments[1:]]
    _refuse_file(arguments)
    asked = argparse.ArgumentParser(
        prog="python -m baselines compare", add_help=False, allow_abbrev=False
    )
    asked.add_argument("--config", type=Path)
    file = asked.parse_known_args(arguments[1:])[0].config if arguments[:1] == ["compare"] else None
    defaults = Compare() if file is None else read_sweep(file)
    commands: Any = (
        Annotated[Train, tyro.conf.subcommand("train")]
        | Annotated[Compare, tyro.conf.subcommand("compare", default=defaults)]
        | Annotated[Report, tyro.conf.subcommand("report")]
        | Annotated[Diagnose, tyro.conf.subcommand("diagnose")]
        | Annotated[View, tyro.conf.subcommand("view")]
    )
    heard = io.StringIO()
    try:
        with redirect_stderr(heard):
            found: Train | Compare | Report | Diagnose | View = tyro.cli(
                commands,
                prog="python -m baselines",
                args=arguments,
                config=(tyro.conf.EnumChoicesFromValues,),
            )
        return found
    except SystemExit as stop:
        refused = _our_own(stop)
        if refused is not None:
            heard = io.StringIO()
            raise refused from None
        raise
    finally:
        sys.stderr.write(heard.getvalue())
        sys.stdout.flush()  # of help that nobody reads on, main hears here


def _refuse_file(arguments: list[str]) -> None:
    """ConfigError where another command than `compare` is given a sweep's file."""
    command, *words = arguments or [""]
    named = [word for word in words if word.partition("=")[0] == "--config"]
    named += [word for word in words[:1] if word.endswith((".yaml", ".yml"))]
    if command in ("train", "diagnose") and named:
        raise ConfigError(
            f"{command} takes no file ({named[0]}): a sweep's file is for `python -m baselines "
            f"compare FILE`; {command} has its settings as options, which --help lists"
        )


def _nobody_reads() -> bool:
    """Is it standard output whose reader has gone, as `| head` does? What is still to be written
    then goes nowhere, else Python would complain of it at its end."""
    try:
        output = sys.stdout.fileno()
    except OSError:  # standard output is no file
        return False
    poll = select.poll()
    poll.register(output, 0)  # asks for nothing: of errors it hears anyway
    if gone := bool(poll.poll(0)):
        os.dup2(os.open(os.devnull, os.O_WRONLY), output)
    return gone


def _our_own(error: BaseException | None) -> ConfigError | None:
    """The refusal by our settings that an error came from: tyro, which made them, puts names of its
    own before what they say."""
    while error is not None and not isinstance(error, ConfigError):
        error = error.__cause__ or error.__context__
    return error


def _compare(config: Compare) -> None:
    if config.dry_run:
        dry_run(config, Console())
        return
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
