"""A sweep written as YAML: the settings of `compare` by name, checked with their line numbers."""

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import yaml

from baselines.methods import bundled
from baselines.sweep import dimensions
from baselines.sweep.config import Compare
from baselines.sweep.dimensions import word
from baselines.sweep.settings import Keys, Where, fault, nowhere, overlay, unknown
from dagger_algo.errors import ConfigError

_OPTIONS = ("env_options", "train_options", "heldout_options")
_DIMENSIONS = ("environments", "budgets", "methods", "betas")


def read_sweep(path: Path) -> Compare:
    """The comparison that a file describes; what it leaves out has its default.

    Raises:
        ConfigError: the file is missing or not YAML, a key is unknown or given twice, or a value is
            of the wrong type; with the line, and for a key with the nearest known one.
    """
    try:
        text = path.read_text(encoding="utf-8")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
    except FileNotFoundError:
        raise ConfigError(f"there is no file {path}") from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    lines: dict[Keys, int] = {}
    if node is not None:
        _number(node, (), lines, path)

    def where(keys: Keys) -> str:
        while keys and keys not in lines:
            keys = keys[:-1]
        return f"{path}, line {lines[keys]}" if keys in lines else str(path)

    return sweep(data or {}, where)


def sweep(data: Any, where: Where = nowhere) -> Compare:
    """The comparison that plain data describe, as a YAML file would: `sweep({"seeds": 3, ...})`."""
    if not isinstance(data, Mapping):
        raise fault(f"expected settings by name, not {data!r:.60}", where, ())
    known = [f.name for f in fields(Compare) if f.name != "config"]
    given: dict[str, Any] = {}
    for name, value in data.items():
        if name in bundled() and name not in known:
            raise fault(f"settings of {name} go under methods:", where, (str(name),))
        if name not in known:
            raise unknown(str(name), known, where, (str(name),))
        if name in _DIMENSIONS:
            value = _words(name, value, where)
        elif name in _OPTIONS and isinstance(value, Mapping):
            value = [f"{option}={json.dumps(setting)}" for option, setting in value.items()]
        given[name] = value
    sections = {name: given[name] for name in given if name in bundled()}
    _check(overlay(Compare(), sections, where), data, where)
    return overlay(Compare(), given, where)


def _words(kind: str, value: Any, where: Where) -> list[str]:
    """Definitions as the command line has them, from a mapping or a list."""
    if isinstance(value, Mapping):
        return [word((str(label), settings)) for label, settings in value.items()]
    if isinstance(value, list) and all(isinstance(one, str | int | float) for one in value):
        return [str(one) for one in value]
    if isinstance(value, list) and all(isinstance(one, Mapping | str) for one in value):
        parts = [{one: None} if isinstance(one, str) else one for one in value]
        return [word((str(label), data)) for part in parts for label, data in part.items()]
    raise fault("expected names, or labels with settings", where, (kind,))


def _check(sections: Compare, data: Mapping[str, Any], where: Where) -> None:
    """Read the definitions once, for errors that say where they are."""
    readers = {
        "environments": dimensions.environment,
        "budgets": dimensions.budget,
        "betas": dimensions.beta,
    }
    for kind, read in readers.items():
        given = data.get(kind)
        for label, value in given.items() if isinstance(given, Mapping) else ():
            read((str(label), value), _inside(where, kind, str(label)))
    methods = data.get("methods")
    for label, value in methods.items() if isinstance(methods, Mapping) else ():
        inside = _inside(where, "methods", str(label))
        _, variant = dimensions.variant((str(label), value), inside)
        try:
            base = sections.base(variant.method)
        except ConfigError as error:
            raise fault(str(error), inside, ()) from error
        overlay(base, variant.settings, inside)


def _inside(where: Where, *outer: str) -> Where:
    return lambda keys: where((*outer, *keys))


def _number(node: yaml.Node, keys: Keys, lines: dict[Keys, int], path: Path) -> None:
    """The line of every key, by the keys that lead to it."""
    if not isinstance(node, yaml.MappingNode):
        return
    for key, value in node.value:
        inner = (*keys, str(key.value))
        line = key.start_mark.line + 1
        if inner in lines and key.value != "<<":
            raise ConfigError(
                f"{path}, line {line}: {'.'.join(inner)} was given on line {lines[inner]} already"
            )
        lines[inner] = line
        _number(value, inner, lines, path)
