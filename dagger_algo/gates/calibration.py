"""Are predicted probabilities what they say? Each takes probabilities p and outcomes y in {0, 1},
both of shape (n,)."""

import numpy as np


def brier(p: np.ndarray, y: np.ndarray) -> float:
    """Mean squared error (Brier 1950); a constant prediction of the base rate b has b (1 - b)."""
    return float(np.mean((p - y) ** 2)) if len(p) else float("nan")


def expected_calibration_error(p: np.ndarray, y: np.ndarray, bins: int = 10) -> float:
    """Mean gap between predicted and observed frequency over `bins` equal intervals of p, weighted
    by how many predictions fall into each (Naeini et al. 2015)."""
    if not len(p):
        return float("nan")
    place = np.minimum((p * bins).astype(int), bins - 1)
    gaps = np.bincount(place, weights=p - y, minlength=bins)
    return float(np.abs(gaps).sum() / len(p))


def auc(p: np.ndarray, y: np.ndarray) -> float:
    """Chance that a random positive is ranked above a random negative, ties counting half (area
    under the ROC curve); NaN where one kind is missing."""
    positive, negative = p[y == 1], np.sort(p[y == 0])
    if not len(positive) or not len(negative):
        return float("nan")
    below = np.searchsorted(negative, positive, "left")
    up_to = np.searchsorted(negative, positive, "right")
    return float((below + up_to).mean() / (2 * len(negative)))
