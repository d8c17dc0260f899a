"""How far the states visited at deployment are from the states seen in training.

Seen in training is every state that the method was shown with the teacher's word for it, or, where
no teacher has a part, every state that the student visited. Not all of them are learnt from: what
RFT, expert iteration or GRPO make nothing of is not told apart in the stores.

A state is represented by its newest observation x, as counts c(x) of its byte 4-grams, hashed into
4,096 bins: φ(x) = √c(x) / ‖√c(x)‖. (The square root keeps boilerplate from drowning the rest.) The
distance of a state s visited at deployment from the states D seen in training is that to the
nearest:

    d(s, D) = 1 - max over x in D of φ(s)·φ(x),   in [0, 1]

0: its observation was seen in training (but for the order of its parts); 1: nothing like it was.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import MaxNLocator
from scipy import sparse

from baselines.evidence.names import label
from baselines.reporting.census import STATES
from baselines.reporting.figures import (
    Drawn,
    Looks,
    Missing,
    Studio,
    direct_labels,
    seed_band,
)

Distances = npt.NDArray[np.float64]
_BINS, _GRAM = 4_096, 4


def distances(visited: Sequence[str], trained: Mapping[int, Sequence[str]]) -> dict[int, Distances]:
    """Of each visited state, its distance from what was seen in training up to each round.

    Shapes: one value per visited state, by round; a round's states add to those before it.
    """
    points = features(visited)
    nearest = np.zeros(len(visited))
    found = {}
    for number in sorted(trained):
        known = features(sorted(set(trained[number])))
        if known.shape[0] and len(visited):
            nearest = np.maximum(nearest, (points @ known.T).max(axis=1).toarray().ravel())
        found[number] = np.clip(1.0 - nearest, 0.0, 1.0)
    return found


def features(texts: Sequence[str]) -> sparse.csr_matrix:
    """φ of each text; a row of unit length, or of zeros for an empty text. Shape [texts, bins]."""
    rows, columns, values = [], [], []
    for i, text in enumerate(texts):
        bins, counts = np.unique(_grams(text), return_counts=True)
        weights = np.sqrt(counts)
        rows.append(np.full(len(bins), i))
        columns.append(bins)
        values.append(weights / max(float(np.linalg.norm(weights)), 1e-12))
    shape = (len(texts), _BINS)
    if not texts:
        return sparse.csr_matrix(shape)
    at = (np.concatenate(rows), np.concatenate(columns))
    return sparse.csr_matrix((np.concatenate(values), at), shape=shape)


def _grams(text: str) -> npt.NDArray[np.int64]:
    """The bin of each 4-gram, by multiplicative hashing; a shorter text is padded."""
    data = text.encode("utf-8", "replace").ljust(_GRAM, b"\0") if text else b""
    raw = np.frombuffer(data, dtype=np.uint8).astype(np.uint32)
    count = max(0, len(raw) - _GRAM + 1)
    packed = np.zeros(count, dtype=np.uint32)
    for i in range(_GRAM):
        packed |= raw[i : i + count] << np.uint32(8 * i)
    return ((packed * np.uint32(2_654_435_761)) >> np.uint32(20)).astype(np.int64)


def coverage_plot(
    found: Mapping[str, Mapping[int, Distances]],
    episodes: int,
    capped: bool,
    studio: Studio,
    looks: Looks,
    prefix: str,
) -> Drawn:
    """Mean distance by method, as the rounds add to what was seen in training.

    found: by method, what `distances` gave. capped: some states seen in training were left out.
    """
    title = "How far deployment is from training"
    if not any(values.size for by_round in found.values() for values in by_round.values()):
        return Missing(
            title,
            "it takes held-out episodes kept for reading (examples.json) and the stored training "
            "episodes of the same run.",
        )

    def paint(canvas: Canvas) -> None:
        axes = canvas.add_subplot()
        ends, highest = [], 0.0
        for method, by_round in found.items():
            colour, marker, line = looks(method)
            numbers = list(by_round)
            bands = np.array([seed_band(values.tolist()) for values in by_round.values()])
            axes.fill_between(numbers, bands[:, 1], bands[:, 2], color=colour, alpha=0.13, lw=0)
            axes.plot(numbers, bands[:, 0], line, color=colour, marker=marker, ms=4.5, lw=1.6)
            ends.append((float(bands[-1, 0]), label(method), looks(method)))
            highest = max(highest, float(bands[:, 2].max()))
        axes.set_ylim(-0.03 * max(highest, 0.01), max(highest, 0.01) * 1.08)
        axes.set(xlabel="seen in training up to round", ylabel="distance to the nearest")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        direct_labels(axes, ends)

    caption = (
        "<b>State coverage</b>: how far the states that the trained student visits in "
        f"{episodes} held-out episodes are from the nearest state seen in training (whether or not "
        "anything was learnt from it), as training adds states. Distance: 1 − cosine of the newest "
        "observations' hashed byte 4-grams (√counts); "
        "0 was seen in training, 1 is like nothing there. Mean over states (a median would hide "
        "the few far ones, where errors are made); band: 95% bootstrap over states, one seed."
        + (f" Of each round {STATES:,} of these states were drawn." if capped else "")
    )
    return studio.draw(f"{prefix}coverage", title, caption, paint)
