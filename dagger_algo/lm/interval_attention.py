"""Scaled-dot-product attention over intervals: only keys that are looked at meet a query.

A dense mask of a row of L tokens costs L·L in time and memory however little of it is True. Here
the queries are cut into runs; each run meets one slice of keys, of its trunk and of itself, with
a small mask; a long trunk is plain causal attention and has no mask at all. The results are those
of the dense mask up to the order of summation.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch.autograd.function import once_differentiable
from torch.utils.weak import WeakTensorKeyDictionary

from dagger_algo.errors import ConfigError

NAME = "branch_packing"
QUERIES = 128
"""Queries of one masked step: fewer waste calls, more waste keys."""
CAUSAL = 96
"""A trunk of at least so many tokens is a causal step of its own."""
GAP = 32
"""Stretches of keys nearer to each other than this are taken as one."""


@dataclass(frozen=True, slots=True)
class Step:
    """Queries [start, stop) of a row and the stretches of keys they meet.

    mask: (queries, keys) additive, or None where plain causal attention is right.
    """

    start: int
    stop: int
    keys: tuple[tuple[int, int], ...]
    mask: torch.Tensor | None


def register() -> None:
    """Make the attention function known to transformers under `NAME`. May be called repeatedly."""
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import sdpa_mask

    AttentionInterface.register(NAME, interval_attention)
    AttentionMaskInterface.register(NAME, sdpa_mask)


def interval_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: Any,
    dropout: float = 0.0,
    scaling: float | None = None,
    softcap: float | None = None,
    **options: Any,
) -> tuple[torch.Tensor, Any]:
    """An attention function of transformers: (B, H, L, E) queries to (B, L, H, E).

    A mask of intervals, int32 (B, 1, L, 3), is followed here; a block mask goes to FlexAttention;
    anything else (generation, evaluation) to transformers' scaled-dot-product attention.
    """
    for name in ("s_aux", "position_bias"):
        if options.get(name) is not None:
            raise ConfigError(
                f"this model's attention takes {name}, which packed training does not know; load "
                "it anew, and train it with one sample per label"
            )
    from torch.nn.attention.flex_attention import BlockMask
    from transformers.integrations.flex_attention import flex_attention_forward
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    if isinstance(attention_mask, BlockMask):
        return flex_attention_forward(
            module, query, key, value, attention_mask,
            dropout=dropout, scaling=scaling, softcap=softcap, **options,
        )  # fmt: skip
    intervals = attention_mask is not None and attention_mask.dtype == torch.int32
    if not intervals and softcap is None and query.shape[2] == 1 and query.device.type == "cpu":
        return _attend_one(query, key, value, attention_mask, dropout, scaling), None
    if not intervals and softcap is None:
        return sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **options
        )
    if not intervals:
        mask = attention_mask
        if mask is None:
            mask = _causal(query.shape[2], key.shape[2], query.device)
        out = _attend(query, key, value, mask, dropout, scaling, softcap)
        return out.transpose(1, 2).contiguous(), None
    if torch.is_autocast_enabled(query.device.type):
        low = torch.get_autocast_dtype(query.device.type)
        query, key, value = query.to(low), key.to(low), value.to(low)
    with torch.autocast(query.device.type, enabled=False):
        rows = [
            _attend_row(
                query[n : n + 1], key[n : n + 1], value[n : n + 1], plan, dropout, scaling, softcap
            )
            for n, plan in enumerate(plans(attention_mask, query.dtype))
        ]
    whole = torch.cat(rows) if len(rows) > 1 else rows[0]
    return whole.transpose(1, 2).contiguous(), None


def _attend_row(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    plan: list[Step],
    dropout: float,
    scaling: float | None,
    softcap: float | None,
) -> torch.Tensor:
    sizes = [step.stop - step.start for step in plan]
    queries, keys, values = (torch.split(of, sizes, 2) for of in (query, key, value))
    masked = [step for step in plan if step.mask is not None]
    if dropout == 0:
        run: Any = _Masked.apply
        apart = iter(run(query, key, value, masked, scaling, softcap) if masked else ())
    else:
        apart = (_step(query, key, value, step, dropout, scaling, softcap) for step in masked)
    out = [
        next(apart) if step.mask is not None else _attend(q, k, v, None, dropout, scaling, softcap)
        for step, q, k, v in zip(plan, queries, keys, values, strict=True)
    ]
    return torch.cat(out, 2) if len(out) > 1 else out[0]


def _step(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    step: Step,
    dropout: float,
    scaling: float | None,
    softcap: float | None,
) -> torch.Tensor:
    return _attend(
        query[:, :, step.start : step.stop],
        _stretches(key, step.keys),
        _stretches(value, step.keys),
        step.mask,
        dropout,
        scaling,
        softcap,
    )


class _Masked(torch.autograd.Function):
    """The masked steps of a row, each computed again in the backward pass: what is kept are the
    row's own queries, keys and values, not a copy of the keys for every step."""

    @staticmethod
    def forward(
        ctx: Any,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        plan: list[Step],
        scaling: float | None,
        softcap: float | None,
    ) -> tuple[torch.Tensor, ...]:
        ctx.save_for_backward(query, key, value)
        ctx.plan, ctx.scaling, ctx.softcap = plan, scaling, softcap
        return tuple(_step(query, key, value, step, 0.0, scaling, softcap) for step in plan)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        query, key, value = ctx.saved_tensors
        d_query, d_key, d_value = map(torch.zeros_like, (query, key, value))
        for step, grad in zip(ctx.plan, grads, strict=True):
            inputs = (
                query[:, :, step.start : step.stop].detach().requires_grad_(),
                _stretches(key, step.keys).detach().requires_grad_(),
                _stretches(value, step.keys).detach().requires_grad_(),
            )
            with torch.enable_grad():
                out = _attend(*inputs, step.mask, 0.0, ctx.scaling, ctx.softcap)
            d_q, d_k, d_v = torch.autograd.grad(out, inputs, grad)
            d_query[:, :, step.start : step.stop] += d_q
            at = 0
            for start, stop in step.keys:
                d_key[:, :, start:stop] += d_k[:, :, at : at + stop - start]
                d_value[:, :, start:stop] += d_v[:, :, at : at + stop - start]
                at += stop - start
        return d_query, d_key, d_value, None, None, None


def _attend(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    mask: torch.Tensor | None,
    dropout: float,
    scaling: float | None,
    softcap: float | None,
) -> torch.Tensor:
    groups = query.shape[1] // key.shape[1]
    if softcap is None:
        causal, shares = mask is None, groups > 1
        return torch.nn.functional.scaled_dot_product_attention(
            query, key, value, mask, dropout, causal, scale=scaling, enable_gqa=shares
        )
    key, value = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    scores = softcap * torch.tanh(query @ key.transpose(2, 3) * scale / softcap)
    if mask is None:
        mask = _causal(query.shape[2], key.shape[2], query.device)
    if mask.dtype == torch.bool:
        mask = torch.zeros_like(mask, dtype=query.dtype).masked_fill(~mask, float("-inf"))
    odds = torch.softmax((scores + mask).float(), -1).to(query.dtype)
    return torch.dropout(odds, dropout, dropout > 0) @ value


def _attend_one(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    mask: torch.Tensor | None,
    dropout: float,
    scaling: float | None,
) -> torch.Tensor:
    """One query, as in generation, to (B, 1, H, E): two products, which take a processor less time
    than its fused kernel does. Heads that share keys are rows of one product."""
    rows, heads, _, width = query.shape
    shared = key.shape[1]
    scale = width**-0.5 if scaling is None else scaling
    scores = (query.view(rows, shared, heads // shared, width) * scale) @ key.transpose(2, 3)
    if mask is not None:
        if mask.shape[1] > 1:
            mask = mask.view(rows, shared, heads // shared, -1)
        masked = mask.dtype == torch.bool
        scores = scores.masked_fill(~mask, float("-inf")) if masked else scores + mask
    odds = torch.softmax(scores, -1, dtype=torch.float32).to(value.dtype)
    out = torch.dropout(odds, dropout, dropout > 0) @ value
    return out.reshape(rows, 1, heads, value.shape[-1])


def _causal(queries: int, keys: int, device: torch.device) -> torch.Tensor:
    last = torch.arange(keys - queries, keys, device=device)
    return torch.arange(keys, device=device) <= last[:, None]


def _stretches(of: torch.Tensor, keys: tuple[tuple[int, int], ...]) -> torch.Tensor:
    if len(keys) == 1:
        return of[:, :, keys[0][0] : keys[0][1]]
    return torch.cat([of[:, :, start:stop] for start, stop in keys], 2)


_plans: Any = WeakTensorKeyDictionary()


def plans(intervals_B1L3: torch.Tensor, dtype: torch.dtype) -> list[list[Step]]:
    """The steps of each row, in order; made once for a mask, then shared by all layers."""
    made: dict[torch.dtype, list[list[Step]]] = _plans.setdefault(intervals_B1L3, {})
    if dtype not in made:
        rows = intervals_B1L3[:, 0].cpu().numpy()
        made[dtype] = [_row(row, intervals_B1L3.device, dtype) for row in rows]
    return made[dtype]


def _row(intervals_L3: np.ndarray, device: torch.device, dtype: torch.dtype) -> list[Step]:
    length = len(intervals_L3)
    trunk_from, trunk_to, own_from = intervals_L3.T
    segments = np.flatnonzero(np.diff(own_from)) + 1
    plan: list[Step] = []
    start = 0
    for begin, end in [*_long_trunks(intervals_L3), (length, length)]:
        for at, to in _runs(start, begin, segments):
            keys = _merged(intervals_L3[at:to], at)
            index = np.concatenate([np.arange(a, b) for a, b in keys])
            query = np.arange(at, to)[:, None]
            seen = (index >= trunk_from[at:to, None]) & (index < trunk_to[at:to, None])
            seen |= (index >= own_from[at:to, None]) & (index <= query)
            mask = torch.zeros(seen.shape, dtype=dtype, device=device)
            mask.masked_fill_(torch.from_numpy(~seen).to(device), float("-inf"))
            plan.append(Step(at, to, keys, mask[None, None]))
        if end > begin:
            plan.append(Step(begin, end, ((begin, end),), None))
        start = end
    return plan


def _runs(start: int, stop: int, segments: np.ndarray) -> Iterator[tuple[int, int]]:
    """Queries of one masked step each: `QUERIES`, or fewer where a segment then ends with them, so
    that they meet no keys of the next."""
    while start < stop:
        end = min(start + QUERIES, stop)
        within = segments[np.searchsorted(segments, start + QUERIES // 2) :]
        if len(within) and within[0] < end:
            end = int(within[0])
        yield start, end
        start = end


def _long_trunks(intervals_L3: np.ndarray) -> list[tuple[int, int]]:
    """Stretches that are causal from their first token on and worth a step of their own."""
    trunk_from, trunk_to, own_from = intervals_L3.T
    alone = trunk_from >= trunk_to
    same = np.flatnonzero(np.diff(np.where(alone, own_from, -1)))
    edges = [0, *(same + 1).tolist(), len(intervals_L3)]
    return [
        (begin, end)
        for begin, end in pairwise(edges)
        if end - begin >= CAUSAL and alone[begin] and own_from[begin] == begin
    ]


def _merged(intervals_Q3: np.ndarray, at: int) -> tuple[tuple[int, int], ...]:
    """The stretches of keys that queries from `at` on look at, in order, near ones joined."""
    trunk_from, trunk_to, own_from = intervals_Q3.T
    stretches = {(int(a), int(b)) for a, b in zip(trunk_from, trunk_to, strict=True) if a < b}
    stretches |= {(int(a), at + n + 1) for n, a in enumerate(own_from)}
    joined: list[tuple[int, int]] = []
    for begin, end in sorted(stretches):
        if joined and begin <= joined[-1][1] + GAP:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((begin, end))
    return tuple(joined)
