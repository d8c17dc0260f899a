"""What the toys share: words to show, instances to draw, options to check."""

from collections.abc import Sequence
from numbers import Integral

import numpy as np

from swe_gym_env.errors import OptionError

_SYLLABLES = [consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in "aeiou"]
# Prime to the number of words: neighbours in the list look nothing alike.
_STRIDE = 1597
MOST_WORDS = len(_SYLLABLES) ** 2


def words(start: int, count: int) -> tuple[str, ...]:
    """`count` made-up words of two syllables; different ranges share no word."""
    size = len(_SYLLABLES)
    numbers = [index * _STRIDE % MOST_WORDS for index in range(start, start + count)]
    return tuple(_SYLLABLES[number // size] + _SYLLABLES[number % size] for number in numbers)


def split_offset(split: str) -> int:
    """0 for "train", 1 for "heldout": instances are numbered 2 · seed + offset, so never shared.

    Raises:
        OptionError: `split` is neither.
    """
    if split not in ("train", "heldout"):
        raise OptionError(f'split must be "train" or "heldout", not {split!r}')
    return 0 if split == "train" else 1


def at_least(floor: int, **options: int) -> None:
    """Every option is a whole number of `floor` or more.

    Raises:
        OptionError: one is not.
    """
    for name, value in options.items():
        if isinstance(value, bool) or not isinstance(value, Integral) or value < floor:
            raise OptionError(f"{name} must be a whole number of {floor} or more, not {value!r}")


def enough_words(**options: int) -> None:
    """The options ask together for no more words than there are.

    Raises:
        OptionError: they do.
    """
    if sum(options.values()) > MOST_WORDS:
        raise OptionError(f"{' + '.join(options)} must be {MOST_WORDS} or fewer")


def unknown_word(action: object, known: Sequence[str]) -> str:
    """The line that answers an action that is none of the words."""
    shown = str(action).strip()
    shown = shown if len(shown) <= 40 else shown[:40] + "..."
    return f"{shown!r} is none of the words and counts as a wrong one. Answer with one of: " + (
        ", ".join(known)
    )


def another(word: str, choices: Sequence[str], p: float, drawn_for: tuple[int, ...]) -> str:
    """`word`, or with probability `p` another of the choices, all equally likely.

    The draw depends on `drawn_for` (task, turn, purpose) alone: asking again changes nothing.
    """
    if p == 0:
        return word
    draws = np.random.default_rng(drawn_for)
    if draws.random() >= p:
        return word
    others = [choice for choice in choices if choice != word]
    return others[draws.integers(len(others))] if others else word
