"""Lines of the append-only files: one JSON record each, with its checksum before it."""

import json
import zlib
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


def decode_action(data: dict[str, Any]) -> Action:
    """The action that `asdict` made into `data`."""
    ids, logprobs, usage = data["token_ids"], data["logprobs"], data["usage"]
    return Action(
        data["text"],
        None if ids is None else tuple(ids),
        None if logprobs is None else tuple(logprobs),
        data["entropy"],
        None if usage is None else Usage(**usage),
    )
