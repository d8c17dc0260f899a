"""Examples as a model can take them: no position beyond its context, nothing lost in silence."""

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from dagger_algo.examples import Example, Target
from dagger_algo.lm.codec import ChatCodec
from dagger_algo.lm.packing import Packed, pack
from dagger_algo.lm.splitting import LabelTooLong, Limits, split


@dataclass(frozen=True)
class Fitted:
    """Trajectories, or pieces of those that are too long, each with a target at least.

    examples, items: before and after packing, in the same order. left_out: targets that do not fit
    even alone. shortened: those that are learnt after fewer turns than there were.
    """

    examples: list[Example]
    items: list[Packed]
    left_out: int
    shortened: int


def longest_context(config: Any) -> int | None:
    """Positions that a model has, of its transformers configuration; None where it has no limit."""
    limit: int | None = getattr(config.get_text_config(), "max_position_embeddings", None)
    return limit


def fit_context(
    examples: Iterable[Example], codec: ChatCodec, config: Any, room: int = 0
) -> Fitted:
    """Pack examples, cutting those that are longer than the context at turn boundaries, and
    leaving out, with a warning, what does not fit even so. room: tokens that the student may say
    when it acts, see `History.cuts`."""
    limits = Limits(context=longest_context(config), room=room)
    unfit: list[LabelTooLong] = []
    shortened: list[Target] = []
    kept: list[Example] = []
    items: list[Packed] = []
    for number, example in enumerate(examples, 1):
        name = f"trajectory {number}"
        for piece in split(example, codec, limits, name, unfit.append, shortened.append):
            packed = pack(piece, codec)
            if packed.rows:
                kept.append(piece)
                items.append(packed)
    if unfit:
        more = f", and {len(unfit) - 1} more targets" if len(unfit) > 1 else ""
        warnings.warn(f"left out: {unfit[0]}{more}", stacklevel=3)
    return Fitted(kept, items, len(unfit), len(shortened))
