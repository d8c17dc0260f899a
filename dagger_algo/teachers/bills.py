"""What answers cost that never came to be labels, and why they were lost."""

from collections import Counter
from collections.abc import Iterator

from dagger_algo.conversation import Usage
from dagger_algo.policy import Policy


def add(one: Usage, other: Usage) -> Usage:
    """What both cost together; it is out of a cache when both are."""
    return Usage(
        one.tokens_in + other.tokens_in,
        one.tokens_out + other.tokens_out,
        one.money + other.money,
        one.seconds + other.seconds,
        one.cached and other.cached,
        (one.money - one.paid) + (other.money - other.paid),
    )


class Bills:
    """What answers cost that were lost: `total` of all, and each until it is taken.

    A teacher that pays for answers which it then does not give keeps them as `bills`.
    """

    def __init__(self) -> None:
        self.total = Usage()
        self._open: dict[str, Usage] = {}

    def add(self, key: str, usage: Usage) -> None:
        """An answer in the conversation of that key was paid for and lost."""
        self.total = add(self.total, usage)
        self._open[key] = add(self._open[key], usage) if key in self._open else usage

    def take(self) -> dict[str, Usage]:
        """What is open, by the conversation's key; nothing of it is open any more."""
        taken, self._open = self._open, {}
        return taken


def bills(teacher: Policy) -> dict[str, Usage]:
    """What a teacher, and the policies it wraps, paid for lost answers since this was last asked,
    by the conversation's key; a wrapper that asks something else in a conversation of "k" does so
    under "k/...". Each bill is handed out once."""
    found: dict[str, Usage] = {}
    for layer in _layers(teacher):
        own = getattr(layer, "bills", None)
        for key, usage in own.take().items() if isinstance(own, Bills) else ():
            found[key] = add(found[key], usage) if key in found else usage
    return found


def losses(teacher: Policy) -> Counter[str]:
    """Answers that a teacher lost, by reason: its own and those of the policies it wraps."""
    total: Counter[str] = Counter()
    for layer in _layers(teacher):
        total.update(getattr(layer, "losses", {}))
    return total


def wasted(teacher: Policy) -> Usage:
    """What all answers together cost that a teacher, and the policies it wraps, lost so far."""
    total = Usage()
    for layer in _layers(teacher):
        own = getattr(layer, "bills", None)
        total = add(total, own.total) if isinstance(own, Bills) else total
    return total


def _layers(teacher: Policy) -> Iterator[object]:
    """A teacher, the one it wraps (its `policy`), and so on."""
    layer: object = teacher
    while layer is not None:
        yield layer
        layer = getattr(layer, "policy", None)
