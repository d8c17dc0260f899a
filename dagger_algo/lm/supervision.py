"""What a packed batch trains on, read back from the batch: which token after which prefix."""

import math
from collections import Counter
from collections.abc import Iterator

from dagger_algo.examples import Example
from dagger_algo.lm.codec import ChatCodec
from dagger_algo.lm.packing import Packed

Pair = tuple[int, int]
"""A prefix, as a hash of its ids, and the id that is to follow it."""

_PRIME, _BASE = 2**61 - 1, 1_000_003


def _longer(prefix: int, token: int) -> int:
    return (prefix * _BASE + token + 1) % _PRIME


def prefixes(packed: Packed) -> list[int]:
    """For each packed token, the hash of all that it sees: by the intervals, itself included."""
    seen: list[int] = []
    for i, (first, second, third) in enumerate(packed.intervals):
        if i > third:
            before = seen[i - 1]
        elif second > first:
            before = seen[second - 1]
        else:
            before = 0
        seen.append(_longer(before, packed.tokens[i]))
    return seen


def supervised(packed: Packed) -> Counter[Pair]:
    """How often each token is to be predicted after each prefix, whatever its weight."""
    return Counter(_pairs(packed))


def learnt(packed: Packed, near: bool) -> set[Pair]:
    """The tokens, after their prefixes, that change the student: see `counting`."""
    pairs = zip(_pairs(packed), counting(packed, near), strict=True)
    return {pair for pair, counts in pairs if counts}


def counting(packed: Packed, near: bool) -> Iterator[bool]:
    """Whether each target token is anything in the loss: it has a weight or, where the loss keeps
    the student near a reference, the reference's opinion; and its scale is not 0."""
    for weight, reference, scale in zip(
        packed.weights, packed.reference_logprobs, packed.scales, strict=True
    ):
        yield scale != 0 and (weight != 0 or (near and not math.isnan(reference)))


def _pairs(packed: Packed) -> Iterator[Pair]:
    seen = prefixes(packed)
    return ((seen[row], token) for row, token in zip(packed.rows, packed.targets, strict=True))


def expected(example: Example, codec: ChatCodec) -> list[list[Pair]]:
    """What each target asks for, token by token, after the prefix of its turn."""
    stream = codec.stream(example.observations, example.actions)
    prefix, at = 0, 0
    before: list[int] = []
    for start in stream.starts:
        for token in stream.ids[at:start]:
            prefix = _longer(prefix, token)
        before.append(prefix)
        at = start
    asked = []
    for target in example.targets:
        prefix = before[target.turn]
        pairs = []
        for token in codec.action_ids(target.action):
            pairs.append((prefix, token))
            prefix = _longer(prefix, token)
        asked.append(pairs)
    return asked
