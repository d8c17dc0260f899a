"""Keys and values of live episodes: kept between turns, laid side by side for a batch."""

import math
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers.cache_utils import CacheLayerMixin


class Buffers:
    """Where slabs lie, used again by every batch: fresh pages cost a processor more than what is
    copied there. (Other devices have an allocator that sees to it.)"""

    def __init__(self) -> None:
        self._flat: dict[tuple[int, int], torch.Tensor] = {}

    def take(self, layer: int, part: int, like: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
        """Room for a layer's keys (0) or values (1), until that is asked for again. What is there
        is of earlier batches, but finite: 0 times what is masked must be 0."""
        if like.device.type != "cpu":
            return like.new_zeros(shape)
        size = math.prod(shape)
        flat = self._flat.get((layer, part))
        if flat is None or len(flat) < size or flat.dtype != like.dtype:
            flat = self._flat[layer, part] = like.new_zeros(size + size // 4)
        return flat[:size].view(*shape)

    def clear(self) -> None:
        """Give the memory back."""
        self._flat.clear()


class Slab(CacheLayerMixin):  # type: ignore[no-untyped-call]
    """Keys and values of one layer, side by side for a batch: (B, heads, room, head_dim)."""

    is_sliding = False
    keys: torch.Tensor
    values: torch.Tensor

    def __init__(self, buffers: Buffers, layer: int, room: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.buffers, self.layer, self.room = buffers, layer, room
        self.length = 0

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        self.keys, self.values = (
            self.buffers.take(self.layer, part, like, (*like.shape[:2], self.room, like.shape[-1]))
            for part, like in enumerate((key_states, value_states))
        )
        self.is_initialized = True

    def begin(self, rows: Sequence["Row"], used: Sequence[int]) -> None:
        """Lay down the first `used` ids of each row."""
        like = next(row.layers[self.layer] for row in rows if row.layers)
        some = (part.expand(len(rows), *part.shape) for part in like)
        self.lazy_initialization(*some)
        for b, (row, length) in enumerate(zip(rows, used, strict=True)):
            if length:
                keys, values = row.layers[self.layer]
                self.keys[b, :, :length] = keys[:, :length]
                self.values[b, :, :length] = values[:, :length]
        self.length = max(used)

    def cut(self, b: int, spans: Sequence[tuple[int, int]]) -> tuple[torch.Tensor, torch.Tensor]:
        """A copy of these columns of a row: keys and values (heads, ids, dim)."""
        keys = torch.cat([self.keys[b, :, start:stop] for start, stop in spans], 1)
        return keys, torch.cat([self.values[b, :, start:stop] for start, stop in spans], 1)

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


def assemble(
    rows: Sequence[Row], used: Sequence[int], room: int, depth: int, buffers: Buffers
) -> list[Slab]:
    """Slabs of `room` columns, one per layer, that begin with the first `used` ids of each row."""
    slabs = [Slab(buffers, layer, room) for layer in range(depth)]
    if max(used):
        for slab in slabs:
            slab.begin(rows, used)
    return slabs
