"""What a packed batch trains on, read back from the batch: which token after which prefix."""

from collections import Counter

from dagger_algo.examples import Example, Target
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
    """How often each token is trained on after each prefix."""
    seen = prefixes(packed)
    return Counter(
        (seen[row], token) for row, token in zip(packed.rows, packed.targets, strict=True)
    )


def expected(example: Example, target: Target, codec: ChatCodec) -> list[Pair]:
    """What one target asks for, token by token."""
    prefix = 0
    for token in codec.state(example.state(target)):
        prefix = _longer(prefix, token)
    pairs = []
    for token in codec.action_ids(target.action):
        pairs.append((prefix, token))
        prefix = _longer(prefix, token)
    return pairs
