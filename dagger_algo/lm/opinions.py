"""What a causal model thinks of given actions: how likely, how sure it is, and what else."""

from collections.abc import Sequence
from typing import Any

import torch

from dagger_algo.examples import Example
from dagger_algo.lm.codec import ChatCodec
from dagger_algo.lm.logprobs import LOGITS_AT_ONCE, finish_logits, predicting
from dagger_algo.lm.packing import Batch
from dagger_algo.lm.score import by_target
from dagger_algo.policy import Opinion

Row = tuple[float, float, list[int], list[float]]


def opinions(
    model: Any,
    codec: ChatCodec,
    examples: Sequence[Example],
    *,
    top: int,
    tokens: int,
    bf16: bool = False,
    room: int = 0,
) -> list[list[Opinion | None]]:
    """What `Adviser.opinions` says, by one packed forward pass a trajectory.

    tokens: in one pass, at most (a longer trajectory is a pass of its own). room: as for `score`.
    """

    def rows(batch: Batch) -> list[Row]:
        columns = (column.tolist() for column in describe(model, batch, top))
        return list(zip(*columns, strict=True))

    found = by_target(model, codec, examples, rows, tokens=tokens, bf16=bf16, room=room)
    return [[_opinion(rows) if rows else None for rows in targets] for targets in found]


def _opinion(rows: Sequence[Row]) -> Opinion:
    logprobs, entropies, ids, values = zip(*rows, strict=True)
    tops = (tuple(zip(i, v, strict=True)) for i, v in zip(ids, values, strict=True))
    return Opinion(logprobs, entropies, tuple(tops) if ids[0] else ())


def describe(
    model: Any, batch: Batch, top: int, *, chunk: int | None = None
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Of the distribution in every target's place: the target's log-probability (M,), the entropy
    (M,), and ids and log-probabilities of the `top` likeliest tokens (M, K), all in float32.

    chunk: places whose logits are held at once (default: `LOGITS_AT_ONCE` entries).
    """
    whole = model.get_base_model() if hasattr(model, "get_base_model") else model
    size = int(whole.config.get_text_config().vocab_size)
    head, hidden_MD = whole.get_output_embeddings(), predicting(model, batch)
    rows = chunk or max(1, LOGITS_AT_ONCE // size)
    parts = []
    places = zip(torch.split(hidden_MD, rows), torch.split(batch.targets, rows), strict=True)
    for hidden, targets in places:
        log_CV = finish_logits(head(hidden), whole.config).float().log_softmax(-1)
        entropy_C = -(log_CV.exp() * log_CV).sum(-1)
        values, ids = log_CV.topk(min(top, size), dim=-1)
        parts.append((log_CV.gather(1, targets[:, None])[:, 0], entropy_C, ids, values))
    logprobs, entropies, ids, values = (torch.cat(column) for column in zip(*parts, strict=True))
    return logprobs, entropies, ids, values
