"""Values out of JSON that others may have written: of the right type, or an error."""

import json
import math
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from dagger_algo.errors import ConfigError

T = TypeVar("T")


def load(path: Path) -> Any:
    """A JSON file; ConfigError where there is none, its folder is a file, or it is no JSON."""
    try:
        return json.loads(path.read_bytes().decode("utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"no {path}: is {path.parent} the folder of a comparison?") from None
    except NotADirectoryError:
        raise ConfigError(
            f"{path.parent} is a file: name the folder of a comparison, as {path.parents[1]}"
        ) from None
    except ValueError as error:
        line = f", line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise ConfigError(f"{path}{line}: not JSON ({error})") from error


def lines(path: Path) -> list[tuple[str, dict[str, Any]]]:
    """Every record with the place it was read from."""
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        raise ConfigError(f"no {path}: has the comparison finished a round yet?") from None
    numbered = [(i, line) for i, line in enumerate(lines, 1) if line.strip()]
    records = []
    for i, line in numbered:
        where = f"{path}, line {i}"
        try:
            record = json.loads(line.decode("utf-8"))
        except ValueError as error:
            if i == numbered[-1][0]:
                warnings.warn(f"{where}: torn, skipped", stacklevel=3)
                continue
            raise ConfigError(f"{where}: not JSON ({error})") from error
        if not isinstance(record, dict):
            raise ConfigError(f"{where}: expected an object, not {type(record).__name__}")
        records.append((where, record))
    return records


def take(
    record: Mapping[str, Any], name: str, kind: Callable[..., T], where: str, default: Any = None
) -> T:
    """A value of that type; ConfigError where it is missing, another or not finite."""
    value = record.get(name, default)
    wanted = (int, float) if kind is float else kind
    if not isinstance(value, wanted) or isinstance(value, bool):  # type: ignore[arg-type]
        raise ConfigError(f"{where}: {name!r} should be {kind.__name__}, not {value!r:.80}")
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"{where}: {name!r} is {value}")
    return kind(value)


def numbers(
    record: Mapping[str, Any], name: str, kind: Callable[..., T], where: str
) -> tuple[T, ...]:
    """A list of numbers, each as `take` takes it."""
    values: list[Any] = take(record, name, list, where)
    return tuple(take({name: value}, name, kind, where) for value in values)


def optional(record: Mapping[str, Any], name: str, where: str) -> float | None:
    """None where it is missing, null or NaN (an agreement over no turns)."""
    value = record.get(name)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    return take(record, name, float, where)
