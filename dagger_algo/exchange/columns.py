"""A row of somebody's data, read column by column: what is not what it should be is said in a
sentence that names the row and the column."""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from dagger_algo.conversation import Episode
from dagger_algo.errors import StoreError
from dagger_algo.records import decode_episode

S = TypeVar("S", bound=StrEnum)


@dataclass(frozen=True)
class Row:
    """One row. where: the data and the row's number, as "demos.jsonl, row 3".

    Every reader gives None for a column that is missing or null (messages must be there), and
    raises StoreError for a value of another kind.
    """

    where: str
    data: Mapping[str, Any]

    def given(self, column: str) -> Any:
        """The value as it is."""
        return self.data.get(column)

    def text(self, column: str) -> str | None:
        """Text."""
        value = self.given(column)
        if value is not None and not isinstance(value, str):
            raise self._fault(column, "text")
        return value

    def number(self, column: str) -> float | None:
        """A finite number."""
        value = self.given(column)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not _finite(value):
            raise self._fault(column, "a finite number")
        return float(value)

    def whole(self, column: str) -> int | None:
        """A whole number; other programs may have written it as 3.0."""
        value = self.given(column)
        if isinstance(value, float) and value.is_integer():
            return int(value)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
            raise self._fault(column, "a whole number")
        return value

    def member(self, column: str, kind: type[S]) -> S | None:
        """One of the words of `kind`; an empty one says nothing."""
        value = self.text(column) or None
        if value is not None and value not in list(kind):
            raise self._fault(column, f"one of {', '.join(kind)}")
        return None if value is None else kind(value)

    def messages(self, column: str, role: str) -> list[Mapping[str, Any]]:
        """Messages. Of `prompt` and `completion` a plain text is one too, in this role."""
        value = self.given(column)
        if isinstance(value, str) and column != "messages":
            return [{"role": role, "content": value}]
        if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
            raise self._fault(column, "a list of messages")
        found = list(value)
        if not all(isinstance(message, Mapping) for message in found):
            raise self._fault(column, 'a list of messages, each with "role" and "content"')
        return found

    def record(self, column: str) -> Episode:
        """The whole record of an episode, as our own export writes it."""
        try:
            return decode_episode(json.loads(self.given(column)))
        except StoreError as error:
            reason = str(error)
        except (TypeError, ValueError, RecursionError):
            reason = "it is not JSON text"
        raise self._fault(
            column,
            f"an episode's record ({reason}); drop or rename that column to import the messages",
        )

    def _fault(self, column: str, expected: str) -> StoreError:
        value = self.data[column]
        return StoreError(f'{self.where}: its "{column}" is {value!r:.60}, not {expected}')


def _finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:
        return False
