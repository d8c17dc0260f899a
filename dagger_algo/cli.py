"""`python -m dagger_algo COMMAND`: finds the command, and loads that one alone."""

import importlib
import sys
from collections.abc import Sequence

from dagger_algo.errors import ConfigError, DaggerError

COMMANDS = {
    "export": ("dagger_algo.exchange.commands:export", "episodes as a dataset for TRL and others"),
    "import": (
        "dagger_algo.exchange.commands:take_in",
        "conversational or Minari data as episodes",
    ),
    "lint": ("dagger_algo.lm.lint_command:lint", "what a store's labels would be trained on"),
}
"""Name -> (module:function, what it does). The function takes the words behind the name, prints its
own --help, and returns the exit code."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0, 1 for a failure, 2 for wrong usage."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] in ("-h", "--help"):
        print(_usage())
        return 0 if words else 2
    if words[0] not in COMMANDS:
        print(f"error: no command {words[0]!r}\n\n{_usage()}", file=sys.stderr)
        return 2
    module, _, name = COMMANDS[words[0]][0].partition(":")
    try:
        code: int = getattr(importlib.import_module(module), name)(words[1:])
        return code
    except (DaggerError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2 if isinstance(error, ConfigError) else 1
    except KeyboardInterrupt:
        return 130


def _usage() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {what}" for name, (_, what) in COMMANDS.items()]
    usage = "usage: python -m dagger_algo COMMAND ...\n\nCommands (COMMAND --help says more):\n"
    return usage + "\n".join(lines)
