"""Checks of settings that say which one is wrong, what it is, and what it may be."""

import difflib
from collections.abc import Iterable

from dagger_algo.errors import ConfigError


def at_least(least: int, settings: object, *names: str) -> None:
    """ConfigError where one of these settings is below `least`, or no number at all."""
    for name in names:
        value = getattr(settings, name)
        if not value >= least:
            raise ConfigError(f"{name} must be at least {least}, not {value}")


def one_of(name: str, value: object, known: Iterable[str]) -> None:
    """ConfigError where the setting `name` is none of `known`."""
    names = [str(each) for each in known]
    if value not in names:
        near = difflib.get_close_matches(str(value), names, 1)
        hint = f": did you mean {near[0]!r}?" if near else "."
        raise ConfigError(f"{name} cannot be {value!r}{hint} Known: {', '.join(names)}")
