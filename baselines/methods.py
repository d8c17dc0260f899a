"""The methods that can be compared, by name.

A method is a function of a Run and its settings. To add one, write it in a file of its own with
`@method("name", settings)` above it: beside this file, and it is known by that name, or anywhere
else, and it is named by its path: `--methods sft path/to/mine.py`.
"""

import difflib
import functools
import hashlib
import importlib
import importlib.util
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dagger_algo.errors import ConfigError
from dagger_algo.run import Run

Train = Callable[[Run, Any], None]


@dataclass(frozen=True)
class Method:
    """A name, the function, its default settings, whether it cannot do without a teacher, and
    whether it learns from outcomes, so that an episode without an end is nothing to it."""

    name: str
    train: Train
    config: Any
    needs_teacher: bool = True
    needs_outcomes: bool = False


_METHODS: dict[str, Method] = {}
_IN_FILE: dict[str, list[Method]] = {}
_PREFIX = "method_file_"
_MARK = re.compile(r'^@method\(\s*"([^"]+)"', re.MULTILINE)


def method(
    name: str, config: Any, *, needs_teacher: bool = True, needs_outcomes: bool | None = None
) -> Callable[[Train], Train]:
    """Register the decorated function under `name`. config: the default settings, a dataclass, a
    dict, or None. needs_outcomes: of whole episodes; so does, unless it is said, what needs no
    teacher."""

    def register(train: Train) -> Train:
        outcomes = not needs_teacher if needs_outcomes is None else needs_outcomes
        found = Method(name, train, config, needs_teacher, outcomes)
        if train.__module__.startswith(_PREFIX):
            _IN_FILE.setdefault(train.__module__, []).append(found)
        else:
            _METHODS[name] = found
        return train

    return register


@functools.cache
def bundled() -> dict[str, str]:
    """Every method in this package and the module that it is in, without importing any of them."""
    found = {}
    for path in sorted(Path(__file__).parent.glob("*.py")):
        if path != Path(__file__):
            for name in _MARK.findall(path.read_text(encoding="utf-8")):
                found[name] = f"{__package__}.{path.stem}"
    return found


def get_method(name: str) -> Method:
    """A bundled method by its name, or one in a .py file by its path; ConfigError if unknown."""
    if name.endswith(".py"):
        return _from_file(Path(name).resolve())
    if name in bundled():
        importlib.import_module(bundled()[name])
    if name not in _METHODS:
        near = difflib.get_close_matches(name, bundled(), 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ConfigError(
            f"unknown method {name!r}{hint} Known: {', '.join(bundled())}, or the path of a .py "
            "file"
        )
    return _METHODS[name]


def fingerprint(name: str) -> str | None:
    """What tells one version of a method's own file from another; None for bundled ones."""
    if not name.endswith(".py"):
        return None
    return hashlib.sha256(Path(name).read_bytes()).hexdigest()[:16]


def _from_file(path: Path) -> Method:
    # A name of its own: a user's `random.py` or `sft.py` must not stand for another module.
    name = f"{_PREFIX}{hashlib.sha256(str(path).encode()).hexdigest()[:16]}"
    if name not in _IN_FILE:
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None or not path.is_file():
            raise ConfigError(f"no method file at {path}")
        sys.modules[name] = module = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
        except Exception as error:
            _IN_FILE.pop(name, None)
            raise ConfigError(
                f"{path} cannot be imported: {type(error).__name__}: {error}"
            ) from error
    found = _IN_FILE.get(name, [])
    if len(found) != 1:
        raise ConfigError(
            f"{path} must register exactly one method, and registers {len(found)}: write "
            f'@method("{path.stem}", settings) above its function'
        )
    return found[0]
