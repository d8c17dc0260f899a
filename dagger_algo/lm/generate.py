"""Batched generation that encodes only what is new: each episode's keys and values are kept
between turns.

Rows of different lengths share one slab of keys and values; what is not a row's own is masked,
and position ids are explicit, so unmodified models work and nothing is ever moved or re-encoded.
After a call each row's own part is cut out and kept under its episode's key.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers.cache_utils import Cache, CacheLayerMixin

from dagger_algo.conversation import Action, Conversation
from dagger_algo.lm.codec import ChatCodec
from dagger_algo.randomness import stream


@dataclass(frozen=True)
class Sampling:
    """How actions are drawn."""

    temperature: float = 1.0
    """0 is greedy."""
    max_new_tokens: int = 256
    """Longest action; a longer one is cut there."""


class _Slab(CacheLayerMixin):  # type: ignore[no-untyped-call]
    """Keys and values of one layer in a buffer allocated once: (B, heads, capacity, head_dim)."""

    is_sliding = False
    keys: torch.Tensor
    values: torch.Tensor

    def __init__(self, keys: torch.Tensor | None, values: torch.Tensor | None, room: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.room = room
        self.length = 0
        if keys is not None and values is not None:
            self.lazy_initialization(keys, values)
            self.update(keys, values)

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


@dataclass
class _Row:
    """What is cached of one episode: its ids, and per layer keys and values (heads, ids, dim)."""

    ids: list[int]
    layers: list[tuple[torch.Tensor, torch.Tensor]]


class CachedGenerator:
    """Generates actions for live conversations. Forget the cache whenever the weights change."""

    def __init__(self, model: Any, codec: ChatCodec, *, seed: int = 0, max_rows: int = 256) -> None:
        self.model = model
        self.codec = codec
        self.seed = seed
        self._max_rows = max_rows
        self._rows: OrderedDict[str, _Row] = OrderedDict()

    def forget(self) -> None:
        """Drop every cached episode."""
        self._rows.clear()

    @torch.inference_mode()
    def act(self, conversations: Sequence[Conversation], sampling: Sampling) -> list[Action]:
        """One action per conversation. Draws depend on (seed, episode key, turn) alone."""
        device = next(self.model.parameters()).device
        streams = [self.codec.state(conversation) for conversation in conversations]
        rows = [self._cached(c.key, ids) for c, ids in zip(conversations, streams, strict=True)]
        fresh = [ids[len(row.ids) :] for ids, row in zip(streams, rows, strict=True)]
        past, width = max(len(row.ids) for row in rows), max(map(len, fresh))
        room = past + width + sampling.max_new_tokens
        slabs = self._assemble(rows, past, room)
        cache = Cache(layers=[*slabs])

        # Column layout of the slab: cached part, new part, then the generated ids; each row owns
        # the left of the first two and what it generates of the third.
        owned = torch.zeros((len(rows), room), dtype=torch.bool)
        for b, (row, new) in enumerate(zip(rows, fresh, strict=True)):
            owned[b, : len(row.ids)] = True
            owned[b, past : past + len(new)] = True
        lengths = torch.tensor([len(ids) for ids in streams], device=device)
        hidden = self._prefill(cache, rows, fresh, owned.to(device), past, width)

        sampled, logprobs = self._decode(
            cache, hidden, lengths, owned.to(device), past + width, conversations, sampling
        )
        self._keep(conversations, streams, sampled, slabs, owned, past + width)
        return [
            Action(self.codec.text(ids), tuple(ids), tuple(values))
            for ids, values in zip(sampled, logprobs, strict=True)
        ]

    def _cached(self, key: str, ids: list[int]) -> _Row:
        row = self._rows.pop(key, None)
        # The last id is always fed anew: its hidden state is what the first draw needs.
        if row is not None and len(row.ids) < len(ids) and ids[: len(row.ids)] == row.ids:
            return row
        return _Row([], [])

    def _assemble(self, rows: Sequence[_Row], past: int, room: int) -> list[_Slab]:
        depth = self.model.config.get_text_config().num_hidden_layers
        if past == 0:
            return [_Slab(None, None, room) for _ in range(depth)]
        layers = []
        for layer in range(depth):
            pair = []
            for part in (0, 1):
                like = next(row.layers[layer][part] for row in rows if row.layers)
                slab = like.new_zeros((len(rows), like.shape[0], past, like.shape[2]))
                for b, row in enumerate(rows):
                    if row.layers:
                        slab[b, :, : len(row.ids)] = row.layers[layer][part]
                pair.append(slab)
            layers.append(_Slab(pair[0], pair[1], room))
        return layers

    def _prefill(
        self,
        cache: Cache,
        rows: Sequence[_Row],
        fresh: Sequence[Sequence[int]],
        owned_BK: torch.Tensor,
        past: int,
        width: int,
    ) -> torch.Tensor:
        """Feed what is new; the hidden state of each row's last id, (B, D)."""
        device = owned_BK.device
        tokens = torch.tensor([[*ids, *[0] * (width - len(ids))] for ids in fresh], device=device)
        begin = torch.tensor([len(row.ids) for row in rows], device=device)
        positions = begin[:, None] + torch.arange(width, device=device)[None, :]
        causal = torch.ones((width, width), dtype=torch.bool, device=device).tril()
        seen_past = owned_BK[:, None, :past].expand(-1, width, -1)
        # Padding behind a row's new ids sees the row and itself, and nobody sees padding.
        mask = torch.cat([seen_past, causal[None].expand(len(rows), -1, -1)], dim=2)[:, None]
        hidden = self.model.base_model(
            input_ids=tokens,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
        ).last_hidden_state
        last = torch.tensor([len(ids) - 1 for ids in fresh], device=device)
        picked: torch.Tensor = hidden[torch.arange(len(rows), device=device), last]
        return picked

    def _decode(
        self,
        cache: Cache,
        hidden_BD: torch.Tensor,
        lengths_B: torch.Tensor,
        owned_BK: torch.Tensor,
        start: int,
        conversations: Sequence[Conversation],
        sampling: Sampling,
    ) -> tuple[list[list[int]], list[list[float]]]:
        device = hidden_BD.device
        head = self.model.get_output_embeddings()
        batch = len(conversations)
        greedy = sampling.temperature <= 0
        if not greedy:
            uniforms = np.stack(
                [
                    stream(self.seed, c.key, c.turn).random(sampling.max_new_tokens)
                    for c in conversations
                ]
            )
            uniforms_BN = torch.from_numpy(uniforms).to(device)
        sampled: list[list[int]] = [[] for _ in range(batch)]
        logprobs: list[list[float]] = [[] for _ in range(batch)]
        alive = [True] * batch
        for n in range(sampling.max_new_tokens):
            logits = head(hidden_BD).float()
            if greedy:
                ids = logits.argmax(-1)
            else:
                p = torch.softmax(logits / sampling.temperature, -1).double().cumsum(-1)
                draw = uniforms_BN[:, n : n + 1] * p[:, -1:]
                ids = torch.searchsorted(p, draw).squeeze(1).clamp(max=p.shape[1] - 1)
            # Log-probabilities are those of the untempered policy: that is what is trained.
            chosen = torch.log_softmax(logits, -1).gather(1, ids[:, None]).squeeze(1)
            for b, (token, value) in enumerate(zip(ids.tolist(), chosen.tolist(), strict=True)):
                if alive[b]:
                    sampled[b].append(token)
                    logprobs[b].append(value)
                    alive[b] = token != self.codec.end_of_turn
            if not any(alive) or n + 1 == sampling.max_new_tokens:
                break
            # Rows that have ended go on being fed, for the batch's sake; _keep drops that.
            owned_BK[:, start + n] = True
            hidden_BD = self.model.base_model(
                input_ids=ids[:, None],
                attention_mask=owned_BK[:, None, None, : start + n + 1],
                position_ids=(lengths_B + n)[:, None],
                past_key_values=cache,
                use_cache=True,
            ).last_hidden_state[:, -1]
        return sampled, logprobs

    def _keep(
        self,
        conversations: Sequence[Conversation],
        streams: Sequence[list[int]],
        sampled: Sequence[list[int]],
        slabs: Sequence[_Slab],
        owned_BK: torch.Tensor,
        start: int,
    ) -> None:
        fed = slabs[0].length - start
        for b, conversation in enumerate(conversations):
            generated = min(len(sampled[b]), fed)
            owned_BK[b, start:] = False
            owned_BK[b, start : start + generated] = True
            columns = owned_BK[b].nonzero().squeeze(1).to(slabs[0].keys.device)
            layers = [
                (slab.keys[b][:, columns].clone(), slab.values[b][:, columns].clone())
                for slab in slabs
            ]
            self._rows[conversation.key] = _Row(streams[b] + sampled[b][:generated], layers)
        while len(self._rows) > self._max_rows:
            self._rows.popitem(last=False)
