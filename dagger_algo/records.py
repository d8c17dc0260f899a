"""Lines of the append-only files: one JSON record each, with its checksum before it; and the
episodes in them, read with care: what has a good checksum may still be of another program."""

import json
import math
import zlib
from dataclasses import fields, is_dataclass
from enum import StrEnum
from typing import Any, TypeVar

from dagger_algo.conversation import Action, Actor, Episode, Outcome, Turn, Usage
from dagger_algo.errors import StoreError

S = TypeVar("S", bound=StrEnum)
NoneType = type(None)
_NAMES = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    dict: "an object",
    list: "a list",
    NoneType: "nothing",
}


def encode_line(record: dict[str, Any]) -> bytes:
    """A whole line. ASCII throughout, so that any text comes back as it was."""
    body = json.dumps(record, ensure_ascii=True, separators=(",", ":")).encode()
    return b"%08x %s\n" % (zlib.crc32(body), body)


def decode_line(line: bytes) -> dict[str, Any] | None:
    """The record of a whole, undamaged line; None for any other, one that is no JSON object too."""
    checksum, _, body = line.rstrip(b"\n").partition(b" ")
    if not line.endswith(b"\n") or checksum != b"%08x" % zlib.crc32(body):
        return None
    try:
        record = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def figures_to_json(figures: Any) -> str:
    """Figures as one line of JSON, which knows no NaN and no infinity: null stands for them."""
    return json.dumps(_finite(figures), allow_nan=False)


def figures_from_json(text: str) -> Any:
    """What `figures_to_json` wrote, or an earlier release, with NaN in place of null."""
    return _unknown(json.loads(text))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _unknown(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _unknown(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_unknown(each) for each in value]
    return math.nan if value is None else value


def plain(value: Any) -> Any:
    """Dataclasses as dicts, as `asdict` makes them, without its copy of every single token."""
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple) and value and is_dataclass(value[0]):
        return [plain(item) for item in value]
    return value


def decode_action(data: dict[str, Any]) -> Action:
    """The action that `plain` made into `data`."""
    ids, logprobs, usage = data["token_ids"], data["logprobs"], data["usage"]
    return Action(
        data["text"],
        None if ids is None else tuple(ids),
        None if logprobs is None else tuple(logprobs),
        data["entropy"],
        None if usage is None else Usage(**usage),
    )


def decode_episode(data: Any) -> Episode:
    """The episode that `plain` or `dataclasses.asdict` made into `data`, perhaps by way of JSON.

    Raises StoreError, a sentence that names the field, for anything else.
    """
    name = "the episode"
    return Episode(
        _field(name, data, "key", str),
        _field(name, data, "seed", int),
        _field(name, data, "task", str),
        _field(name, data, "round", int),
        tuple(
            _turn(f"turn {t}", turn)
            for t, turn in enumerate(_field(name, data, "turns", list, tuple))
        ),
        _member(Outcome, name, data, "outcome"),
        _field(name, data, "final_observation", str),
    )


def _turn(name: str, data: Any) -> Turn:
    return Turn(
        _field(name, data, "observation", str),
        _action(f"the action of {name}", _field(name, data, "action", dict)),
        _member(Actor, name, data, "actor"),
        _maybe_action(name, data, "label"),
        _field(name, data, "reward", float, int),
        _field(name, data, "asked", bool),
        _maybe_action(name, data, "proposal"),
        _field(name, data, "score", float, int, NoneType),
        _usage(name, data.get("lost")),  # younger than the format
        data.get("again") is True,  # likewise
        _usage(name, data.get("lost_again")),  # likewise; older ones have all in "lost"
    )


def _maybe_action(name: str, data: Any, field: str) -> Action | None:
    found = _field(name, data, field, dict, NoneType)
    return None if found is None else _action(f"the {field} of {name}", found)


def _action(name: str, data: dict[str, Any]) -> Action:
    _field(name, data, "text", str)
    _field(name, data, "token_ids", list, tuple, NoneType)
    _field(name, data, "logprobs", list, tuple, NoneType)
    _field(name, data, "entropy", float, int, NoneType)
    _usage(name, _field(name, data, "usage", dict, NoneType))
    return decode_action(data)


def _usage(name: str, data: Any) -> Usage | None:
    try:
        return None if data is None else Usage(**data)
    except TypeError:
        raise StoreError(f"{name} has costs of an unknown kind: {data!r:.60}") from None


def _field(name: str, data: Any, field: str, *kinds: type) -> Any:
    """data[field], of one of these kinds. To Python true is a number; in a record it is not."""
    if not isinstance(data, dict):
        raise StoreError(f"{name} is {data!r:.60}, not an object")
    if field not in data:
        raise StoreError(f'{name} has no "{field}"')
    value = data[field]
    # The first question alone, nearly always: a store is read far more often than it is wrong.
    if type(value) not in kinds and (
        not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds)
    ):
        expected = " or ".join(_NAMES[kind] for kind in kinds if kind in _NAMES)
        raise StoreError(f'{name} has {value!r:.60} as "{field}", not {expected}')
    return value


def _member(kind: type[S], name: str, data: Any, field: str) -> S:
    value = _field(name, data, field, str)
    try:
        return kind(value)
    except ValueError:
        expected = " or ".join(kind)
        raise StoreError(f'{name} has {value!r:.60} as "{field}", not {expected}') from None
