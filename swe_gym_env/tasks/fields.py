"""One field of a row, checked: the value, or a TaskError that names the field.

Checks hold for any value that JSON or parquet can bring.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from swe_gym_env.errors import TaskError

# Ids become names of containers and folders, commits stand in shell commands.
_ID = re.compile(r"\w[\w.+@-]*")
_COMMIT = re.compile(r"\w[\w./-]*")
_HEADER = re.compile(r"^(diff --git |--- |\+\+\+ |@@ -)", re.MULTILINE)
_CRLF_HEADER = re.compile(r"^(diff --git |--- |\+\+\+ |@@ -).*\r$", re.MULTILINE)


def text(row: Mapping[str, Any], name: str, default: str | None = None) -> str:
    """Text, perhaps empty. default: what a missing or null field means; None when it must be."""
    value = row.get(name)
    if value is None:
        if default is None:
            raise TaskError(f"field {name!r} is missing")
        return default
    return checked_text(name, value)


def checked_text(name: str, value: Any) -> str:
    """The value, if it is text that can be written."""
    if not isinstance(value, str):
        raise TaskError(f"field {name!r}: expected text, got {shown(value)}")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise TaskError(f"field {name!r}: half a surrogate pair cannot be written") from error
    return value


def filled(row: Mapping[str, Any], name: str) -> str:
    """Text that says something."""
    value = text(row, name)
    if not value.strip():
        raise TaskError(f"field {name!r} is empty")
    return value


def identifier(row: Mapping[str, Any], name: str = "instance_id") -> str:
    """An id fit to name a container and a file."""
    return _matching(row, name, _ID, "letters, digits and . _ + @ -")


def commit(row: Mapping[str, Any], name: str = "base_commit") -> str:
    """A commit or branch, fit to stand in a shell command."""
    return _matching(row, name, _COMMIT, "a commit or branch")


def _matching(row: Mapping[str, Any], name: str, pattern: re.Pattern[str], what: str) -> str:
    value = filled(row, name)
    if not pattern.fullmatch(value):
        raise TaskError(f"field {name!r}: expected {what}, got {shown(value)}")
    return value


def tests(row: Mapping[str, Any], name: str, *, some: bool = False) -> tuple[str, ...]:
    """Names of tests, from a list or from the same as JSON text. some: at least one."""
    value = row.get(name)
    if value is None:
        raise TaskError(f"field {name!r} is missing")
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise TaskError(f"field {name!r}: not a JSON list of test names: {error}") from error
    if not isinstance(value, list):
        raise TaskError(f"field {name!r}: expected a list of test names, got {shown(value)}")
    names = tuple(filled({f"{name}[{i}]": v}, f"{name}[{i}]") for i, v in enumerate(value))
    if some and not names:
        raise TaskError(f"field {name!r} names no test, so nothing could show a repair")
    return names


def patch(row: Mapping[str, Any], name: str, *, needed: bool = True) -> str:
    """A unified diff, or "" where none is needed."""
    value = filled(row, name) if needed else text(row, name, "")
    if not value.strip():
        return ""
    if not _HEADER.search(value):
        raise TaskError(f"field {name!r}: not a unified diff: {shown(value)}")
    # CRLF in the lines of a hunk is the file's own; in a header some tool has rewritten them all.
    if _CRLF_HEADER.search(value):
        raise TaskError(
            f"field {name!r}: its headers end in CRLF, so git would not apply it; "
            "give the patch with the line ends that git wrote"
        )
    return value


def script(row: Mapping[str, Any], name: str) -> str:
    """A shell script."""
    value = filled(row, name)
    if "\r\n" in value.partition("<<")[0]:
        raise TaskError(f"field {name!r}: its lines end in CRLF, which bash takes for commands")
    if "\0" in value:
        raise TaskError(f"field {name!r}: a NUL byte cannot stand in a shell script")
    return value


def shown(value: Any) -> str:
    """A value with its type, short enough for a sentence."""
    text = repr(value)
    return f"{type(value).__name__} {text if len(text) < 60 else text[:56] + ' ...'}"
