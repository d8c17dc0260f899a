"""Attention in which every token of a row looks at two intervals of it.

A row holds trajectories one after another, each a trunk followed by its branches. What a token
may look at is then always: a stretch of its trunk, and its own segment up to itself. Three numbers
a token say so (`Intervals`), and every form a mask can take follows from them: a dense tensor,
FlexAttention's block mask, or nothing at all but a plan of which keys meet which queries
(`interval_attention`, in which tokens that never see each other cost nothing).

Models are transformers' own, unmodified: the forms arrive through `attention_mask` and through
transformers' register of attention functions.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch.nn.attention.flex_attention import BlockMask

from dagger_algo.errors import ConfigError
from dagger_algo.lm.feed_forward import prepare_feed_forward
from dagger_algo.lm.interval_attention import NAME, register

TRUNK_FROM, TRUNK_TO, OWN_FROM = 0, 1, 2
BLOCK = 128
"""FlexAttention's tile, tokens."""

Mask = torch.Tensor | BlockMask


def prepare(model: Any) -> None:
    """Let a transformers model attend by intervals, and keep less for its backward pass, from
    now on.

    Its outputs for ordinary inputs stay the same; generation goes through scaled-dot-product
    attention. Raises ConfigError for a family that packing would break.
    """
    windows(model.config)
    if any(hasattr(module, "sinks") for module in model.modules()):
        raise ConfigError(
            f"{type(model).__name__} has attention sinks, which packed training does not know; "
            "train it with one sample per label"
        )
    register()
    model.set_attn_implementation(NAME)
    if model.config._attn_implementation != NAME:
        raise ConfigError(
            f"{type(model).__name__} does not take its attention function from transformers' "
            "register, so trajectories cannot be packed; use a family that does (Llama, Qwen3, "
            "Mistral, Gemma, ...)"
        )
    prepare_feed_forward(model)


def windows(config: Any) -> dict[str, int | None]:
    """How far back each kind of layer looks, in tokens; None: to the beginning.

    Raises ConfigError for layers that carry a state from token to token (linear attention,
    Mamba) or cut the text into chunks: they cannot leave out a branch.
    """
    text = config.get_text_config()
    window = getattr(text, "sliding_window", None)
    if not getattr(text, "use_sliding_window", True):
        window = None
    default = "full_attention" if window is None else "sliding_attention"
    kinds = set(getattr(text, "layer_types", None) or [default])
    if other := kinds - {"full_attention", "sliding_attention"}:
        raise ConfigError(
            f"{text.model_type} has layers of kind {', '.join(sorted(other))}; branches can share "
            "a trunk only where every layer is full or sliding-window attention. Train this model "
            "with one sample per label"
        )
    if "sliding_attention" in kinds and window is None:
        raise ConfigError(
            f"{text.model_type} has sliding-window layers but its configuration names no window; "
            "set sliding_window in its config.json"
        )
    return {kind: None if kind == "full_attention" else window for kind in sorted(kinds)}


def masks(config: Any, intervals_BL3: torch.Tensor, positions_BL: torch.Tensor) -> Any:
    """What to hand a model as `attention_mask`: one mask, or one for each kind of layer."""
    longest = int(positions_BL.max()) + 1
    kinds = windows(config)
    implementation = config.get_text_config()._attn_implementation

    def mask(window: int | None) -> Mask:
        if window is None or window >= longest:
            return _form(implementation, intervals_BL3)
        return _form(implementation, windowed(intervals_BL3, positions_BL, window))

    if len({None if w is None or w >= longest else w for w in kinds.values()}) == 1:
        return mask(next(iter(kinds.values())))
    return {kind: mask(window) for kind, window in kinds.items()}


def _form(implementation: str, intervals_BL3: torch.Tensor) -> Mask:
    """The mask in the form that an attention implementation of transformers understands."""
    on_gpu = intervals_BL3.device.type == "cuda"
    if implementation == "flex_attention" or (implementation == NAME and on_gpu):
        return block_mask(intervals_BL3)
    if implementation == NAME:
        return intervals_BL3[:, None]
    if implementation == "sdpa":
        return dense_mask(intervals_BL3)
    if implementation == "eager":
        seen = dense_mask(intervals_BL3)
        nothing = torch.zeros((), device=seen.device)
        return torch.where(seen, nothing, torch.finfo(torch.bfloat16).min)
    raise ConfigError(
        f"attention implementation {implementation!r} takes no mask of single tokens, which "
        f"branches need; call prepare(model), or load it with attn_implementation='sdpa'"
    )


def windowed(intervals_BL3: torch.Tensor, positions_BL: torch.Tensor, window: int) -> torch.Tensor:
    """The intervals cut to keys fewer than `window` positions back.

    Distance is counted in positions, not in places of the row: between a branch and its trunk lie
    other tokens that are not part of its text.
    """
    index_L = torch.arange(intervals_BL3.shape[1], device=intervals_BL3.device)
    trunk_from, trunk_to, own_from = intervals_BL3.unbind(-1)
    nearest = trunk_from + positions_BL - window + 1
    first = torch.minimum(torch.maximum(trunk_from, nearest), trunk_to)
    own = torch.maximum(own_from, index_L - window + 1)
    return torch.stack([first, trunk_to, own], -1).to(intervals_BL3.dtype)


def looks_at(intervals_BL3: torch.Tensor) -> Callable[..., torch.Tensor]:
    """FlexAttention's mask_mod: may query i of row b look at key j?"""

    def mask_mod(
        b: torch.Tensor, h: torch.Tensor, i: torch.Tensor, j: torch.Tensor
    ) -> torch.Tensor:
        trunk = (j >= intervals_BL3[b, i, TRUNK_FROM]) & (j < intervals_BL3[b, i, TRUNK_TO])
        return trunk | ((j >= intervals_BL3[b, i, OWN_FROM]) & (j <= i))

    return mask_mod


def dense_mask(intervals_BL3: torch.Tensor) -> torch.Tensor:
    """(B, 1, L, L), True where query i may look at key j."""
    index_L = torch.arange(intervals_BL3.shape[1], device=intervals_BL3.device)
    trunk_from, trunk_to, own_from = intervals_BL3[..., None].unbind(2)
    trunk = (index_L >= trunk_from) & (index_L < trunk_to)
    return (trunk | ((index_L >= own_from) & (index_L <= index_L[:, None])))[:, None]


def block_mask(intervals_BL3: torch.Tensor, block: int = BLOCK) -> BlockMask:
    """The same for FlexAttention, from L·L/block comparisons instead of L·L.

    A tile that every query of a block sees whole is marked full: no mask is evaluated in it.
    """
    rows, length, _ = intervals_BL3.shape
    blocks = -(-length // block)
    index_L = torch.arange(length, device=intervals_BL3.device)
    first_K = block * torch.arange(blocks, device=intervals_BL3.device)
    last_K = (first_K + block).clamp(max=length)
    trunk_from, trunk_to, own_from = intervals_BL3[..., None].unbind(2)
    own_to = (index_L + 1)[None, :, None]

    def touches(start: torch.Tensor, stop: torch.Tensor) -> torch.Tensor:
        return (torch.maximum(start, first_K) < torch.minimum(stop, last_K)) & (start < stop)

    def covers(start: torch.Tensor, stop: torch.Tensor) -> torch.Tensor:
        return (start <= first_K) & (stop >= last_K)

    def by_block(of_BLK: torch.Tensor, beyond: bool) -> torch.Tensor:
        spare = blocks * block - length
        padded = torch.nn.functional.pad(of_BLK, (0, 0, 0, spare), value=beyond)
        return padded.view(rows, blocks, block, blocks)

    some = by_block(touches(trunk_from, trunk_to) | touches(own_from, own_to), False).any(2)
    # A tile that reaches past the end of the row is never full.
    inside = first_K + block <= length
    every = covers(trunk_from, trunk_to) | covers(own_from, own_to)
    full = by_block(every, True).all(2) & inside & inside[:, None]

    def listed(of_BQK: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        order = torch.argsort(of_BQK.int(), dim=-1, descending=True, stable=True)
        return of_BQK.sum(-1).int()[:, None], order.int()[:, None]

    return BlockMask.from_kv_blocks(
        *listed(some & ~full),
        *listed(full),
        BLOCK_SIZE=block,
        mask_mod=looks_at(intervals_BL3),
        seq_lengths=(length, length),
    )
