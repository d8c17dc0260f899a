"""What a packed batch trains on, read back from the batch: which token after which prefix."""

from collections import Counter

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
    """How often each token is trained on after each prefix."""
    seen = prefixes(packed)
    return Counter(
        (seen[row], token) for row, token in zip(packed.rows, packed.targets, strict=True)
    )


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
