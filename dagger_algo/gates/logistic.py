"""Logistic regression with a Gaussian prior, to convergence, in numpy."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Logistic:
    """p(1 | row) = σ(bias + weights · (row - centre) / scale)."""

    weights: np.ndarray
    bias: float
    centre: np.ndarray
    scale: np.ndarray

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """Probabilities, shape (rows,)."""
        return _sigmoid((rows - self.centre) / self.scale @ self.weights + self.bias)


def fit_logistic(rows: np.ndarray, targets: np.ndarray, l2: float = 1.0) -> Logistic:
    """Minimise Σ log-loss + l2/2 · (|weights|² + bias²) over standardised columns.

    rows: shape (n, features). targets: shape (n,), 0 or 1; they may all be alike. Newton's method
    with a line search: the same data give the same fit, whatever was fitted before.
    """
    centre, scale = rows.mean(axis=0), rows.std(axis=0)
    # A column that hardly varies says nothing yet, and must not explode when it first does.
    scale = np.where(scale > 1e-9 * (1.0 + np.abs(centre)), scale, 1.0)
    x = np.hstack([(rows - centre) / scale, np.ones((len(rows), 1))])
    # The optimum lies in the span of the rows: where they are fewer than the columns, search there.
    basis = np.linalg.qr(x.T)[0] if x.shape[1] > x.shape[0] else None
    z = x if basis is None else x @ basis
    signs = 2.0 * targets - 1.0

    def cost(w: np.ndarray) -> float:
        return float(np.logaddexp(0.0, -signs * (z @ w)).sum() + 0.5 * l2 * w @ w)

    w = np.zeros(z.shape[1])
    value = cost(w)
    for _ in range(50):
        p = _sigmoid(z @ w)
        gradient = z.T @ (p - targets) + l2 * w
        if np.abs(gradient).max() < 1e-6:
            break
        hessian = (z.T * (p * (1.0 - p))) @ z + l2 * np.eye(len(w))
        step = np.linalg.solve(hessian, gradient)
        size = 1.0
        while size > 1e-6 and cost(w - size * step) > value - 1e-4 * size * gradient @ step:
            size /= 2.0
        w = w - size * step
        value = cost(w)
    found = w if basis is None else basis @ w
    return Logistic(found[:-1], float(found[-1]), centre, scale)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * x)))
