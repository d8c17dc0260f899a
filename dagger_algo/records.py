"""Lines of the append-only files: one JSON record each, with its checksum before it."""

import json
import zlib
from dataclasses import fields, is_dataclass
from typing import Any

from dagger_algo.conversation import Action, Usage


def encode_line(record: dict[str, Any]) -> bytes:
    """A whole line. ASCII throughout, so that any text comes back as it was."""
    body = json.dumps(record, ensure_ascii=True, separators=(",", ":")).encode()
    return b"%08x %s\n" % (zlib.crc32(body), body)


def decode_line(line: bytes) -> dict[str, Any] | None:
    """The record of a whole, undamaged line; None for any other."""
    checksum, _, body = line.rstrip(b"\n").partition(b" ")
    if not line.endswith(b"\n") or checksum != b"%08x" % zlib.crc32(body):
        return None
    record: dict[str, Any] = json.loads(body)
    return record


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
