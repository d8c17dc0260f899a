"""Keys and values of live episodes: kept between turns, laid side by side for a batch."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers.cache_utils import CacheLayerMixin


class Slab(CacheLayerMixin):  # type: ignore[no-untyped-call]
    """Keys and values of one layer in a buffer allocated once: (B, heads, capacity, head_dim)."""

    is_sliding = False
    keys: torch.Tensor
    values: torch.Tensor

    def __init__(self, keys: torch.Tensor | None, values: torch.Tensor | None, room: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.room = room
        self.length = 0
        if keys is not None and values is not None:
            self.is_initialized = True
            self.keys, self.values = keys, values

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        shape = (*key_states.shape[:2], self.room)
        self.keys = key_states.new_zeros((*shape, key_states.shape[-1]))
        self.values = value_states.new_zeros((*shape, value_states.shape[-1]))
        self.is_initialized = True

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *_: Any, **__: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        end = self.length + key_states.shape[2]
        self.keys[:, :, self.length : end] = key_states
        self.values[:, :, self.length : end] = value_states
        self.length = end
        return self.keys[:, :, :end], self.values[:, :, :end]

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self.length + query_length, 0

    def get_seq_length(self) -> int:
        return self.length

    def get_max_length(self) -> int:
        return self.room


@dataclass(frozen=True, slots=True)
class Row:
    """What is kept of one episode.

    ids: the tokens encoded; layers: per layer keys and values (heads, ids, dim). state: how many
    of the ids were the last state acted on (or looked at); feature: the hidden state (D,) of the
    last of those.
    """

    ids: list[int]
    layers: list[tuple[torch.Tensor, torch.Tensor]]
    state: int = 0
    feature: torch.Tensor | None = None

    @property
    def size(self) -> int:
        """Bytes of keys and values."""
        return sum(part.numel() * part.element_size() for pair in self.layers for part in pair)

    def upto(self, ids: Sequence[int]) -> int:
        """How many of this row's ids `ids` begins with, but not all of `ids`: the last id is
        always fed anew, because its hidden state is what the first draw needs."""
        end = min(len(self.ids), len(ids) - 1)
        if self.ids[:end] == ids[:end]:
            return end
        pairs = zip(self.ids, ids, strict=False)
        return next(n for n, (own, other) in enumerate(pairs) if own != other)


EMPTY = Row([], [])


class Rows:
    """Rows by episode; the ones not used for longest are dropped beyond `limit` bytes."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.size = 0
        self._rows: OrderedDict[str, Row] = OrderedDict()

    def __len__(self) -> int:
        return len(self._rows)

    def get(self, key: str) -> Row:
        """An episode's row; an empty one if there is none."""
        return self._rows.get(key, EMPTY)

    def put(self, key: str, row: Row) -> None:
        """Keep a row as the newest."""
        self.drop(key)
        self._rows[key] = row
        self.size += row.size
        while self.size > self.limit and self._rows:
            self.drop(next(iter(self._rows)))

    def drop(self, key: str) -> None:
        """Forget an episode."""
        row = self._rows.pop(key, None)
        self.size -= row.size if row is not None else 0

    def clear(self) -> None:
        """Forget all."""
        self._rows.clear()
        self.size = 0


def assemble(rows: Sequence[Row], used: Sequence[int], room: int, depth: int) -> list[Slab]:
    """Slabs of `room` columns, one per layer, that begin with the first `used` ids of each row."""
    past = max(used)
    if past == 0:
        return [Slab(None, None, room) for _ in range(depth)]
    slabs = []
    for layer in range(depth):
        pair = []
        for part in (0, 1):
            like = next(row.layers[layer][part] for row in rows if row.layers)
            laid = like.new_zeros((len(rows), like.shape[0], room, like.shape[2]))
            for b, (row, length) in enumerate(zip(rows, used, strict=True)):
                if length:
                    laid[b, :, :length] = row.layers[layer][part][:, :length]
            pair.append(laid)
        slab = Slab(pair[0], pair[1], room)
        slab.length = past
        slabs.append(slab)
    return slabs
