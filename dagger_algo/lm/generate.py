"""Batched generation that encodes only what is new: each episode's keys and values are kept
between turns.

Rows of different lengths share one slab of keys and values; what is not a row's own is masked,
and position ids are explicit, so unmodified models work and nothing is ever moved or re-encoded.
After a call each row's own part is cut out and kept under its episode's key.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from transformers.cache_utils import Cache

from dagger_algo.conversation import Action, Conversation
from dagger_algo.errors import ConfigError
from dagger_algo.lm.attention import windows
from dagger_algo.lm.codec import ChatCodec
from dagger_algo.lm.context import longest_context
from dagger_algo.lm.history import Sight
from dagger_algo.lm.interval_attention import NAME as INTERVALS
from dagger_algo.lm.kv import Buffers, Row, Rows, assemble
from dagger_algo.lm.logprobs import finish_logits
from dagger_algo.lm.sampling import Sampling, sample
from dagger_algo.randomness import stream

__all__ = ["CachedGenerator", "Sampling"]


class CachedGenerator:
    """Generates actions for live conversations. Forget the cache whenever the weights change.

    cache_bytes: keys and values kept between calls, at most. batch_tokens: columns of one batch
    (rows times padded length), at most; more conversations go in several batches.
    sight: what is seen of conversations longer than the model's context, and their count; its own
    by default.
    """

    def __init__(
        self,
        model: Any,
        codec: ChatCodec,
        *,
        seed: int = 0,
        cache_bytes: int = 4 * 2**30,
        batch_tokens: int = 2**17,
        sight: Sight | None = None,
    ) -> None:
        self.model = model
        self.codec = codec
        self.seed = seed
        self.batch_tokens = batch_tokens
        self.rows = Rows(cache_bytes)
        self.buffers = Buffers()
        whole = model.get_base_model() if hasattr(model, "get_base_model") else model
        self._config = whole.config.get_text_config()
        self._windows = windows(self._config)
        self._form = _mask_form(self._config)
        self._limit = longest_context(whole.config)
        self.sight = sight or Sight(codec, self._limit)

    def forget(self) -> None:
        """Drop every cached episode."""
        self.rows.clear()
        self.buffers.clear()

    @torch.inference_mode()
    def act(self, conversations: Sequence[Conversation], sampling: Sampling) -> list[Action]:
        """One action per conversation. Draws depend on (seed, episode key, turn) alone.

        An action is cut at `max_new_tokens` and where the model's context ends. Raises ConfigError
        when a single observation already fills the context.
        """
        actions: dict[int, Action] = {}
        for indices, batch in self._batches(conversations, sampling.max_new_tokens):
            said = batch.decode(batch.prefill(), sampling)
            actions |= dict(zip(indices, said, strict=True))
        return [actions[index] for index in range(len(conversations))]

    @torch.inference_mode()
    def features(self, conversations: Sequence[Conversation], room: int = 0) -> np.ndarray:
        """(n, d) float32: the last layer's hidden state of the last token of each state, that
        from which the action's first token is drawn. No work where that state was just acted on.
        room: `max_new_tokens` of that action, on which it depends what is seen of a long state.

        Raises ConfigError like `act`.
        """
        known: dict[int, torch.Tensor] = {}
        for index, conversation in enumerate(conversations):
            row, ids = self.rows.get(conversation.key), self.sight.seen(conversation, room)
            if row.feature is not None and row.ids[: row.state] == ids:
                known[index] = row.feature
        unknown = [index for index in range(len(conversations)) if index not in known]
        left = [conversations[index] for index in unknown]
        for indices, batch in self._batches(left, room, decode=False):
            hidden = batch.prefill()
            batch.keep(hidden, [[] for _ in indices])
            known |= {unknown[i]: row for i, row in zip(indices, hidden, strict=True)}
        width = int(self._config.hidden_size)
        rows = [known[index].float().cpu().numpy() for index in range(len(conversations))]
        return np.stack(rows) if rows else np.zeros((0, width), np.float32)

    def _batches(
        self, conversations: Sequence[Conversation], room: int, *, decode: bool = True
    ) -> Iterator[tuple[list[int], "_Batch"]]:
        """Conversations with about as much to encode, as many as `batch_tokens` allows."""
        look = self.sight.acted if decode else self.sight.seen
        states = [look(conversation, room) for conversation in conversations]
        self._encode_shared(conversations, states)
        yield from self._alike(conversations, states, room if decode else 0)

    def _encode_shared(
        self, conversations: Sequence[Conversation], states: Sequence[list[int]]
    ) -> None:
        """A state that several conversations begin with, as those of a group do, is encoded once
        for all: all but its last id, whose hidden state each of them needs."""
        same: dict[tuple[int, ...], list[str]] = defaultdict(list)
        of_key = {conversation.key: conversation for conversation in conversations}
        for conversation, ids in zip(conversations, states, strict=True):
            if not self.rows.get(conversation.key).ids and len(ids) > 1:
                same[tuple(ids[:-1])].append(conversation.key)
        shared = {ids: keys for ids, keys in same.items() if len(keys) > 1}
        firsts = [of_key[keys[0]] for keys in shared.values()]
        for indices, batch in self._alike(firsts, [list(ids) for ids in shared], 0):
            batch.keep(batch.prefill(), [[] for _ in indices])
        for first, *others in shared.values():
            for key in others:
                self.rows.put(key, self.rows.get(first))

    def _alike(
        self, conversations: Sequence[Conversation], states: Sequence[list[int]], new: int
    ) -> Iterator[tuple[list[int], "_Batch"]]:
        """Those with about as much to encode together. new: columns for what is generated."""
        rows = [self.rows.get(conversation.key) for conversation in conversations]
        used = [row.upto(ids) for row, ids in zip(rows, states, strict=True)]
        fresh = [len(ids) - done for ids, done in zip(states, used, strict=True)]
        group: list[int] = []
        for index in [*sorted(range(len(states)), key=fresh.__getitem__), None]:
            if index is not None:
                grown = [*group, index]
                columns = max(used[i] for i in grown) + fresh[index] + new
                alike = fresh[index] <= 2 * fresh[grown[0]] + 64
                if not group or (alike and len(grown) * columns <= self.batch_tokens):
                    group = grown
                    continue
            if group:
                chosen = [(conversations[i], states[i], rows[i], used[i]) for i in group]
                yield group, _Batch(self, chosen, new)
            group = [index] if index is not None else []


class _Batch:
    """Some conversations on their way through the model: prefill, decode, keep.

    Columns of the slabs: the cached part, the new part, the generated ids. Each row owns the left
    of the first two and what it generates of the third.
    """

    def __init__(
        self,
        generator: CachedGenerator,
        chosen: Sequence[tuple[Conversation, list[int], Row, int]],
        new: int,
    ) -> None:
        model = generator.model
        whole = model.get_base_model() if hasattr(model, "get_base_model") else model
        self.generator = generator
        self.body, self.head = whole.base_model, whole.get_output_embeddings()
        self.device = next(model.parameters()).device
        self.conversations = [conversation for conversation, _, _, _ in chosen]
        self.states = [ids for _, ids, _, _ in chosen]
        self.used = [used for _, _, _, used in chosen]
        self.fresh = [ids[used:] for _, ids, _, used in chosen]
        self.past, self.width = max(self.used), max(map(len, self.fresh))
        self.start = self.past + self.width
        room = self.start + new
        depth = int(generator._config.num_hidden_layers)
        rows = [row for _, _, row, _ in chosen]
        self.slabs = assemble(rows, self.used, room, depth, generator.buffers)
        self.cache = Cache(layers=[*self.slabs])
        column = torch.arange(room, device=self.device)[None]
        used_B1 = self._long(self.used)[:, None]
        self.lengths_B = self._long([len(ids) for ids in self.states])
        fresh_B1 = self.lengths_B[:, None] - used_B1
        in_past = column < self.past
        self.owned_BK = torch.where(in_past, column < used_B1, column - self.past < fresh_B1)
        self.positions_BK = torch.where(in_past, column, column - self.past + used_B1)
        generated = column >= self.start
        self.owned_BK &= ~generated
        self.positions_BK = torch.where(
            generated, column - self.start + self.lengths_B[:, None], self.positions_BK
        )
        if generator._limit is not None:  # rows that have ended are fed on, but never beyond
            self.positions_BK.clamp_(max=generator._limit - 1)

    def prefill(self) -> torch.Tensor:
        """Feed what is new; the hidden state of each row's last id, (B, D)."""
        padded = [[*ids, *[0] * (self.width - len(ids))] for ids in self.fresh]
        owned, positions = self.owned_BK[:, : self.start], self.positions_BK[:, : self.start]
        causal = torch.ones((self.width, self.start), dtype=torch.bool, device=self.device)
        causal = causal.tril(self.past)
        query = positions[:, self.past :]
        # Padding behind a row's new ids sees the row and padding, and nobody sees padding.
        seen = torch.cat([owned[:, : self.past], torch.ones_like(query, dtype=torch.bool)], 1)
        mask = seen[:, None, :] & causal[None]
        hidden = self._forward(self._long(padded), query, mask, positions)
        last = self._long([len(ids) - 1 for ids in self.fresh])
        return hidden[torch.arange(len(self.fresh), device=self.device), last]

    def decode(self, hidden_BD: torch.Tensor, sampling: Sampling) -> list[Action]:
        """Sample token by token until every row has ended; keep the rows."""
        generator, stops = self.generator, self.generator.codec.stops
        config, first_BD = generator._config, hidden_BD
        uniforms = [
            stream(generator.seed, c.key, c.turn).random(sampling.max_new_tokens)
            for c in self.conversations
        ]
        uniform_BN = torch.from_numpy(np.stack(uniforms)).to(self.device)
        limit = generator._limit or 2**62
        allowed = [min(sampling.max_new_tokens, limit - len(ids)) for ids in self.states]
        allowed_B = self._long(allowed)
        stops_S = self._long(sorted(stops))
        alive_B = torch.ones_like(allowed_B, dtype=torch.bool)
        said_B = torch.zeros_like(allowed_B)
        steps: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = []
        for n in range(max(allowed)):
            logits_BV = finish_logits(self.head(hidden_BD), config).float()
            steps.append(sample(logits_BV, uniform_BN[:, n], sampling))
            ids_B = steps[-1][0]
            said_B += alive_B
            alive_B &= (ids_B[:, None] != stops_S).all(1) & (said_B < allowed_B)
            if not alive_B.any():
                break
            # Rows that have ended go on being fed, for the batch's sake; `keep` drops that.
            end = self.start + n + 1
            self.owned_BK[:, end - 1] = True
            positions = self.positions_BK[:, :end]
            mask = self.owned_BK[:, None, :end]
            hidden_BD = self._forward(ids_B[:, None], positions[:, -1:], mask, positions)[:, -1]
        # One look at the device for all steps.
        figures = [torch.stack(of, 1).tolist() for of in zip(*steps, strict=True)]
        sampled, logprobs, entropies = (
            [row[:count] for row, count in zip(rows, said_B.tolist(), strict=True)]
            for rows in figures
        )
        self.keep(first_BD, sampled)
        return [
            Action(generator.codec.text(own), tuple(own), tuple(values), sum(nats) / len(nats))
            for own, values, nats in zip(sampled, logprobs, entropies, strict=True)
        ]

    def keep(self, feature_BD: torch.Tensor, sampled: Sequence[list[int]]) -> None:
        """Cut each row's own columns out of the slabs, for its next turn."""
        fed = self.slabs[0].length - self.start
        for b, conversation in enumerate(self.conversations):
            said = sampled[b][:fed]
            spans = [
                (0, self.used[b]),
                (self.past, self.past + len(self.fresh[b])),
                (self.start, self.start + len(said)),
            ]
            layers = [slab.cut(b, spans) for slab in self.slabs]
            own = [*self.states[b], *said]
            row = Row(own, layers, len(self.states[b]), feature_BD[b].clone())
            self.generator.rows.put(conversation.key, row)

    def _forward(
        self,
        tokens_BQ: torch.Tensor,
        query_BQ: torch.Tensor,
        mask_BQK: torch.Tensor,
        key_BK: torch.Tensor,
    ) -> torch.Tensor:
        masks: dict[str, torch.Tensor] = {}
        for kind, window in self.generator._windows.items():
            mask = mask_BQK[:, None]
            if window is not None:
                mask = mask & (query_BQ[:, :, None] - key_BK[:, None, :] < window)[:, None]
            if self.generator._form != torch.bool:
                dtype = self.head.weight.dtype
                mask = torch.zeros_like(mask, dtype=dtype).masked_fill(~mask, -torch.inf)
            masks[kind] = mask
        hidden: torch.Tensor = self.body(
            input_ids=tokens_BQ,
            attention_mask=masks if len(masks) > 1 else next(iter(masks.values())),
            position_ids=query_BQ,
            past_key_values=self.cache,
            use_cache=True,
        ).last_hidden_state
        return hidden

    def _long(self, values: Any) -> torch.Tensor:
        return torch.tensor(values, device=self.device)


def _mask_form(config: Any) -> torch.dtype:
    """What a model's attention function takes for a mask: booleans, or numbers to add."""
    implementation = config._attn_implementation
    if implementation in ("sdpa", INTERVALS):
        return torch.bool
    if implementation in ("eager", "flex_attention"):
        return torch.float32
    raise ConfigError(
        f"attention implementation {implementation!r} takes no mask of single tokens, which rows "
        "of different lengths need; load the model with attn_implementation='sdpa'"
    )
