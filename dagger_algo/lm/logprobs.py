"""Log-probabilities of targets with memory bounded whatever the vocabulary.

Logits dominate the memory of training (trl #4585): at a vocabulary of 150,000 one position costs
0.6 MB in float32, three times over with its softmax and its gradient. Here they exist only at the
predicting positions, a chunk at a time, and are computed again in the backward pass.
"""

from typing import Any, cast

import numpy as np
import torch
from torch.utils.checkpoint import checkpoint

from dagger_algo.conversation import Action
from dagger_algo.errors import ConfigError
from dagger_algo.examples import Target
from dagger_algo.lm.attention import masks
from dagger_algo.lm.feed_forward import only_at
from dagger_algo.lm.packing import Batch, Packed, collate, rows_for

LOGITS_AT_ONCE = 2**25
"""Entries of one chunk of logits (128 MiB in float32): a chunk has this many divided by the
vocabulary's size rows."""


def target_logprobs(
    model: Any, batch: Batch, *, ids: torch.Tensor | None = None, chunk: int | None = None
) -> torch.Tensor:
    """(M,) float32 log-probabilities of the batch's targets under a causal transformers model.

    ids: (M, K) ids to score in the places of the targets instead; the result is then (M, K) too.
    chunk: predicting positions whose logits are held at once (default: `LOGITS_AT_ONCE` entries).
    """
    whole = model.get_base_model() if hasattr(model, "get_base_model") else model  # peft's wrapper
    wanted = batch.targets if ids is None else ids
    head, hidden_MD = whole.get_output_embeddings(), predicting(model, batch)
    return head_logprobs(head, hidden_MD, wanted, whole.config, chunk=chunk)


def predicting(model: Any, batch: Batch) -> torch.Tensor:
    """(M, D) last hidden states of a causal transformers model at the predicting positions."""
    whole = model.get_base_model() if hasattr(model, "get_base_model") else model
    mask = None
    if batch.intervals is not None and batch.positions is not None:
        mask = masks(whole.config, batch.intervals, batch.positions)
    hidden_BLD: torch.Tensor = whole.base_model(
        input_ids=batch.tokens,
        attention_mask=mask,
        position_ids=batch.positions,
        use_cache=False,
        **only_at(whole, batch.tokens, batch.batch_index, batch.rows),
    ).last_hidden_state
    return hidden_BLD[batch.batch_index, batch.rows]


def head_logprobs(
    head: torch.nn.Module,
    hidden_MD: torch.Tensor,
    targets_M: torch.Tensor,
    config: Any,
    *,
    chunk: int | None = None,
) -> torch.Tensor:
    """(M,) log-probabilities from last hidden states at the predicting positions; (M, K) where
    the targets are.

    More than one chunk is computed again in the backward pass, so that at no time more than one
    chunk of logits exists.
    """
    rows = chunk or max(1, LOGITS_AT_ONCE // int(config.get_text_config().vocab_size))

    def score(hidden_CD: torch.Tensor, targets_C: torch.Tensor) -> torch.Tensor:
        logits_CV = finish_logits(head(hidden_CD), config).float()
        if targets_C.ndim == 2:
            return logits_CV.log_softmax(-1).gather(1, targets_C)
        return -torch.nn.functional.cross_entropy(logits_CV, targets_C, reduction="none")

    if len(hidden_MD) <= rows:
        return score(hidden_MD, targets_M)
    parts = zip(torch.split(hidden_MD, rows), torch.split(targets_M, rows), strict=True)
    again = (checkpoint(score, hidden, ids, use_reentrant=False) for hidden, ids in parts)
    return torch.cat([cast(torch.Tensor, part) for part in again])


def finish_logits(logits: torch.Tensor, config: Any) -> torch.Tensor:
    """What some families do to logits after the head: Gemma's soft cap, Cohere's and Granite's
    scales."""
    text = config.get_text_config()
    if scale := getattr(text, "logit_scale", None):
        logits = logits * scale
    if scale := getattr(text, "logits_scaling", None):
        logits = logits / scale
    if cap := getattr(text, "final_logit_softcapping", None):
        logits = cap * torch.tanh(logits / cap)
    return logits


def verify(model: Any) -> None:
    """Check on a few random tokens that packing changes nothing for this very model.

    Raises ConfigError when trajectories in one batch see each other, when a branch sees another,
    or when the model makes its logits in a way that `target_logprobs` does not know.
    """
    whole = model.get_base_model() if hasattr(model, "get_base_model") else model
    device = whole.get_output_embeddings().weight.device
    size = int(whole.config.get_text_config().vocab_size)
    rng = np.random.default_rng(0)
    trunk, left, right, other = (rng.integers(0, size, n).tolist() for n in (9, 4, 4, 6))
    packed = Packed(tokens=[*trunk, *left[:-1], *right[:-1]], trajectories=1, branches=2)
    packed.positions = [*range(9), 5, 6, 7, 7, 8, 9]
    packed.intervals = [*[(0, 0, 0)] * 9, *[(0, 5, 9)] * 3, *[(0, 7, 12)] * 3]
    label = Target(0, Action(""), 1.0)
    packed.predict([4, 9, 10, 11], tuple(left), label)
    packed.predict([6, 12, 13, 14], tuple(right), label)
    second = Packed(tokens=other, positions=list(range(6)), intervals=[(0, 0, 0)] * 6)
    second.predict(range(2, 5), tuple(other[3:]), label)
    apart = [([*trunk[:5], *left], 5), ([*trunk[:7], *right], 7), (other, 3)]
    training = whole.training
    whole.eval()
    with torch.no_grad():
        got = target_logprobs(model, collate([packed, second], device, rows_for(whole)))
        want = []
        for ids, start in apart:
            logits = whole(torch.tensor([ids], device=device), use_cache=False).logits[0].float()
            scores = logits[start - 1 : -1].log_softmax(-1)
            want.append(scores.gather(1, torch.tensor(ids[start:], device=device)[:, None])[:, 0])
    whole.train(training)
    expected = torch.cat(want)
    apart_by = float((got - expected).abs().max())
    exact = torch.finfo(next(whole.parameters()).dtype).eps
    if not apart_by < max(1e-3, 4 * exact * float(expected.abs().max())):
        raise ConfigError(
            f"log-probabilities of {type(whole).__name__} differ by {apart_by:.2g} between packed "
            "and separate samples, so it cannot be trained with branch packing; train it with one "
            "sample per label"
        )
