"""Plain data (a YAML file, a dict) laid over typed settings, with errors that say where."""

import dataclasses
import difflib
import functools
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from dagger_algo.errors import ConfigError
from dagger_algo.schedules import Beta

T = TypeVar("T")
Keys = tuple[str, ...]
Where = Callable[[Keys], str]
"""From the keys that lead to a value to where it stands, as "sweep.yaml, line 7"; "" if nowhere."""


def nowhere(keys: Keys) -> str:
    """For data that comes from no file."""
    return ""


def overlay(base: T, data: Any, where: Where = nowhere, keys: Keys = ()) -> T:
    """`base` (a dataclass, a dict, or None: no settings at all) with what `data` says in place of
    its own, at any depth.

    Raises:
        ConfigError: an unknown key (the nearest known one is named), or a value of another type,
            with the place that `where` gives for it.
    """
    if not isinstance(data, Mapping):
        raise fault(f"expected settings by name, not {data!r:.60}", where, keys)
    known = _known(base)
    changes: dict[str, Any] = {}
    for name, value in data.items():
        inner = (*keys, str(name))
        if name not in known:
            raise unknown(str(name), known, where, inner)
        own = known[name]
        if isinstance(own, Beta) and isinstance(value, str):
            value = {"shape": value}  # a schedule goes by its shape's name wherever it stands
        if dataclasses.is_dataclass(own) and not isinstance(own, type) and value is not None:
            changes[name] = overlay(own, value, where, inner)
        else:
            changes[name] = _checked(base, name, value, where, inner)
    try:
        if dataclasses.is_dataclass(base):
            return typing.cast(T, dataclasses.replace(base, **changes))  # type: ignore[type-var]
        return typing.cast(T, {**known, **changes} if isinstance(base, Mapping) else base)
    except ConfigError as error:
        raise fault(str(error), where, keys) from error


def unknown(
    name: str, known: Iterable[str], where: Where = nowhere, keys: Keys = ()
) -> ConfigError:
    """The error for a key that is none of `known`."""
    names = list(known)
    near = difflib.get_close_matches(name, names, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names) or 'none'}"
    return fault(f"unknown key {name!r}; {hint}", where, keys, named=False)


def fault(text: str, where: Where, keys: Keys, named: bool = True) -> ConfigError:
    """An error about the value at `keys`, with its place."""
    place = where(keys)
    name = ".".join(keys if named else keys[:-1])
    return ConfigError(": ".join(part for part in (place, name, text) if part))


def plain(settings: Any) -> Any:
    """Settings as JSON values; a dataclass becomes a dict."""
    if dataclasses.is_dataclass(settings) and not isinstance(settings, type):
        return {f.name: plain(getattr(settings, f.name)) for f in dataclasses.fields(settings)}
    if isinstance(settings, Mapping):
        return {str(name): plain(value) for name, value in settings.items()}
    if isinstance(settings, list | tuple):
        return [plain(value) for value in settings]
    return settings if isinstance(settings, str | int | float | bool | None) else str(settings)


def _known(base: Any) -> dict[str, Any]:
    if dataclasses.is_dataclass(base):
        return {f.name: getattr(base, f.name) for f in dataclasses.fields(base) if f.init}
    return dict(base) if isinstance(base, Mapping) else {}


def _checked(base: Any, name: str, value: Any, where: Where, keys: Keys) -> Any:
    """The value as the type that the setting has."""
    from pydantic import ValidationError

    if dataclasses.is_dataclass(base):
        kind: Any = type(base)
        adapter = _adapter(kind, name)
    elif base[name] is None:
        return value
    else:
        adapter = _adapter_of(type(base[name]))
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        first = error.errors()[0]
        raise fault(f"{first['msg']}, and it is {value!r:.60}", where, keys) from error


@functools.cache
def _adapter(kind: type, name: str) -> Any:  # Any: pydantic's own type, imported when needed
    return _adapter_of(typing.get_type_hints(kind, include_extras=True)[name])


def _adapter_of(kind: Any) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)
