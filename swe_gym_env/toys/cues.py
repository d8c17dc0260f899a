"""A table of cues: what a student has to learn in every toy, and can only learn by seeing it."""

import math
from collections.abc import Sequence

import numpy as np

from swe_gym_env.errors import OptionError
from swe_gym_env.toys.common import words


class CueTable:
    """Cues, how often each is shown, and the word that is right at it.

    zipf: exponent of the frequencies: the k-th is drawn in proportion to k ** -zipf; 0 makes all
        alike.
    """

    def __init__(self, cues: Sequence[str], right: Sequence[str], zipf: float = 0.0) -> None:
        if isinstance(zipf, bool) or not isinstance(zipf, int | float) or not 0 <= zipf < math.inf:
            raise OptionError(f"zipf must be 0 or more, not {zipf!r}")
        self.cues = tuple(cues)
        self.right = dict(zip(cues, right, strict=True))
        often = np.arange(1, len(self.cues) + 1, dtype=np.float64) ** -zipf
        self.frequency = often / often.sum()

    def draw(self, rng: np.random.Generator, size: int) -> list[str]:
        """`size` cues, independently."""
        return [self.cues[i] for i in rng.choice(len(self.cues), size=size, p=self.frequency)]

    def guesses(self) -> dict[str, str]:
        """Cue -> the best guess of someone who sees only its first letter: the word that is right
        most often among the cues that begin with it (of equals, the one met first)."""
        votes: dict[str, dict[str, float]] = {}
        for cue, often in zip(self.cues, self.frequency, strict=True):
            tally = votes.setdefault(cue[0], {})
            tally[self.right[cue]] = tally.get(self.right[cue], 0.0) + often
        best = {letter: max(tally, key=lambda w: tally[w]) for letter, tally in votes.items()}
        return {cue: best[cue[0]] for cue in self.cues}


def draw_tables(
    seed: int, said: Sequence[str], sizes: Sequence[int], zipfs: Sequence[float]
) -> tuple[CueTable, ...]:
    """Tables of `sizes` cues that share none with each other or with the words `said`; which word
    is right is drawn from `seed` for all of them together."""
    right = [said[i] for i in np.random.default_rng(seed).integers(len(said), size=sum(sizes))]
    begins = [sum(sizes[:n]) for n in range(len(sizes))]
    return tuple(
        CueTable(words(len(said) + begin, size), right[begin : begin + size], zipf)
        for begin, size, zipf in zip(begins, sizes, zipfs, strict=True)
    )
