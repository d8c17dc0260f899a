"""Examples as a model can take them: no position beyond its context, nothing lost in silence."""

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count
from typing import Any

from dagger_algo.examples import Example, Target
from dagger_algo.lm.codec import ChatCodec
from dagger_algo.lm.packing import Packed, pack
from dagger_algo.lm.splitting import LabelTooLong, Limits, split


@dataclass(frozen=True)
class Fitted:
    """Trajectories, or pieces of those that are too long, each with a target at least.

    examples, items: before and after packing, in the same order. names: of the trajectories or
    pieces. unfit: a sentence for each target that does not fit even alone. shortened: how many
    are learnt after fewer turns than there were.
    """

    examples: list[Example]
    items: list[Packed]
    names: list[str]
    unfit: list[str]
    shortened: int

    @property
    def left_out(self) -> int:
        """Targets that do not fit even alone."""
        return len(self.unfit)

    @property
    def notes(self) -> list[str]:
        """What somebody who looks at them should know."""
        said = []
        if self.unfit:
            said.append(f"{_labels(self.left_out)} left out: {self.unfit[0]}")
        if self.shortened:
            said.append(
                f"{_labels(self.shortened)} learnt after fewer turns than there were, as the "
                "episode is longer than the model's context"
            )
        return said


def longest_context(config: Any) -> int | None:
    """Positions that a model has, of its transformers configuration; None where it has no limit."""
    limit: int | None = getattr(config.get_text_config(), "max_position_embeddings", None)
    return limit


def fit_context(
    examples: Iterable[Example],
    codec: ChatCodec,
    config: Any,
    room: int = 0,
    names: Iterable[str] | None = None,
) -> Fitted:
    """Pack examples, cutting those that are longer than the context at turn boundaries, and
    leaving out, with a warning, what does not fit even so. room: tokens that the student may say
    when it acts, see `History.cuts`. names: what sentences call the examples."""
    limits = Limits(context=longest_context(config), room=room)
    unfit: list[LabelTooLong] = []
    shortened: list[Target] = []
    kept: list[Example] = []
    items: list[Packed] = []
    whose: list[str] = []
    called = (f"trajectory {number}" for number in count(1)) if names is None else iter(names)
    for example, name in zip(examples, called, strict=False):
        pieces = split(example, codec, limits, name, unfit.append, shortened.append)
        for number, piece in enumerate(pieces, 1):
            packed = pack(piece, codec)
            if packed.rows:
                kept.append(piece)
                items.append(packed)
                whose.append(name if len(pieces) == 1 else f"{name} (piece {number})")
    if unfit:
        more = f", and {len(unfit) - 1} more targets" if len(unfit) > 1 else ""
        warnings.warn(f"left out: {unfit[0]}{more}", stacklevel=3)
    return Fitted(kept, items, whose, list(map(str, unfit)), len(shortened))


def _labels(count: int) -> str:
    return "1 label is" if count == 1 else f"{count:,} labels are"
