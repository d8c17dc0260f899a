"""What of the examples a model can take: no position beyond its context, and nothing in silence."""

import warnings
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from dagger_algo.examples import Example
from dagger_algo.lm.codec import ChatCodec
from dagger_algo.lm.packing import Packed, pack


@dataclass(frozen=True)
class Fitted:
    """Packed trajectories that fit, each with a target at least; how many targets did not fit."""

    items: list[Packed]
    left_out: int


def longest_context(config: Any) -> int | None:
    """Positions that a model has, of its transformers configuration; None where it has no limit."""
    limit: int | None = getattr(config.get_text_config(), "max_position_embeddings", None)
    return limit


def fit_context(examples: Iterable[Example], codec: ChatCodec, config: Any) -> Fitted:
    """Pack examples, leaving out (with a warning) the targets that end beyond the context; the
    turns before them are kept."""
    limit = longest_context(config)
    items: list[Packed] = []
    left_out = longest = 0
    for example in examples:
        packed = pack(example, codec)
        end = max(packed.positions, default=-1) + 1
        if limit is not None and end > limit:
            longest = max(longest, end)
            kept = tuple(
                target
                for target, target_end in zip(example.targets, _ends(example, codec), strict=True)
                if target_end <= limit
            )
            left_out += len(example.targets) - len(kept)
            packed = pack(replace(example, targets=kept), codec)
        if packed.rows:
            items.append(packed)
    if left_out:
        warnings.warn(
            f"{left_out} targets were left out: they end up to {longest:,} tokens into their "
            f"trajectory, and the model takes {limit:,}; shorten the observations, or choose a "
            "model with a longer context",
            stacklevel=3,
        )
    return Fitted(items, left_out)


def _ends(example: Example, codec: ChatCodec) -> list[int]:
    """How many tokens each target needs to be seen: all but its last one."""
    starts = codec.stream(example.observations, example.actions).starts
    return [
        starts[target.turn] + len(codec.action_ids(target.action)) - 1 for target in example.targets
    ]
