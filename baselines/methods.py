"""The methods that can be compared, by name.

A method is a function of a Run and its settings. To add one, write it in a file of its own with
`@method("name")` above it, and name the file: `--methods sft,path/to/mine.py`.
"""

import difflib
import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dagger_algo.errors import ConfigError
from dagger_algo.run import Run

BUNDLED = ("sft", "dagger", "oec", "grpo")


@dataclass(frozen=True)
class Method:
    """A name, the function, its default settings, and whether it cannot do without a teacher."""

    name: str
    train: Callable[[Run, Any], None]
    config: Any
    needs_teacher: bool = True


_METHODS: dict[str, Method] = {}


def method(
    name: str, config: Any, *, needs_teacher: bool = True
) -> Callable[[Callable[[Run, Any], None]], Callable[[Run, Any], None]]:
    """Register the decorated function under `name`."""

    def register(train: Callable[[Run, Any], None]) -> Callable[[Run, Any], None]:
        _METHODS[name] = Method(name, train, config, needs_teacher)
        return train

    return register


def get_method(name: str) -> Method:
    """A bundled method by its name, or one in a .py file by its path; ConfigError if unknown."""
    if name.endswith(".py"):
        return _from_file(Path(name))
    if name in BUNDLED:
        importlib.import_module(f"baselines.{name}")
    if name not in _METHODS:
        near = difflib.get_close_matches(name, BUNDLED, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ConfigError(
            f"unknown method {name!r}{hint} Known: {', '.join(BUNDLED)}, or the path of a .py file"
        )
    return _METHODS[name]


def _from_file(path: Path) -> Method:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None or not path.exists():
        raise ConfigError(f"no method file at {path}")
    before = set(_METHODS)
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
    new = [name for name in _METHODS if name not in before] or (
        [path.stem] if path.stem in _METHODS else []
    )
    if len(new) != 1:
        raise ConfigError(f"{path} must register exactly one method, and registers {len(new)}")
    return _METHODS[new[0]]
