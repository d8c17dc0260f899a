"""Log-probabilities of given actions, by the packed forward pass that training takes; and a model
that is not trained."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import torch

from dagger_algo.conversation import Conversation
from dagger_algo.examples import Example
from dagger_algo.lm.attention import prepare
from dagger_algo.lm.codec import ChatCodec
from dagger_algo.lm.context import fit_context
from dagger_algo.lm.generate import CachedGenerator
from dagger_algo.lm.logprobs import target_logprobs
from dagger_algo.lm.packing import Batch, collate, minibatches, rows_for

Scores = list[list[tuple[float, ...] | None]]
Row = TypeVar("Row")
KEPT_BYTES = 2**30
"""Keys and values that a model which is only looked at keeps between turns, at most."""


def score(
    model: Any,
    codec: ChatCodec,
    examples: Sequence[Example],
    *,
    tokens: int,
    bf16: bool = False,
    room: int = 0,
) -> Scores:
    """What `Scorer.score` says, for a causal model that `prepare` was told of.

    tokens: in one forward pass, at most (a longer trajectory is a pass of its own). room: tokens
    that the actor may say, which decides what is seen of long trajectories (`History.cuts`).
    """

    def rows(batch: Batch) -> list[float]:
        found: list[float] = target_logprobs(model, batch).tolist()
        return found

    found = by_target(model, codec, examples, rows, tokens=tokens, bf16=bf16, room=room)
    return [[tuple(values) if values else None for values in targets] for targets in found]


def by_target(
    model: Any,
    codec: ChatCodec,
    examples: Sequence[Example],
    rows: Callable[[Batch], Sequence[Row]],
    *,
    tokens: int,
    bf16: bool = False,
    room: int = 0,
) -> list[list[list[Row]]]:
    """For each example and each of its targets what `rows` says of each of its tokens, nothing
    where the target is longer than the context. rows: from a batch to one entry per target token.
    """
    named = [
        replace(
            example,
            targets=tuple(replace(t, sequence=f"{e}/{n}") for n, t in enumerate(example.targets)),
        )
        for e, example in enumerate(examples)
    ]
    items = fit_context(named, codec, model.config, room).items
    device = next(model.parameters()).device
    how = rows_for(model)
    found: dict[object, list[Row]] = {}
    with torch.no_grad(), torch.autocast(device.type, torch.bfloat16, enabled=bf16):
        for part in minibatches(items, tokens, how, np.random.default_rng(0)):
            values = rows(collate(part, device, how))
            names = [name for item in part for name in item.sequences]
            for name, value in zip(names, values, strict=True):
                found.setdefault(name, []).append(value)
    return [
        [found.get(f"{e}/{n}", []) for n in range(len(example.targets))]
        for e, example in enumerate(examples)
    ]


class Frozen:
    """A model that is not trained, as a `Scorer`, and as features of a gate. Nothing is kept for
    either until it is asked."""

    def __init__(
        self, model: Any, codec: ChatCodec, *, tokens: int, bf16: bool = False, room: int = 0
    ) -> None:
        prepare(model)
        self.model = model.eval().requires_grad_(False)
        self._codec = codec
        self._how: dict[str, Any] = {"tokens": tokens, "bf16": bf16, "room": room}

    def score(self, examples: Sequence[Example]) -> Scores:
        return score(self.model, self._codec, examples, **self._how)

    def features(self, conversations: Sequence[Conversation]) -> np.ndarray:
        """As `LMPolicy.features`, (n, d) float32, and always by these weights. Each state is
        encoded by itself, so that its row does not depend on what it is asked beside."""
        rows = [self._generator.features([c], self._how["room"]) for c in conversations]
        return np.concatenate(rows) if rows else self._generator.features([])

    @cached_property
    def _generator(self) -> CachedGenerator:
        return CachedGenerator(self.model, self._codec, cache_bytes=KEPT_BYTES)
