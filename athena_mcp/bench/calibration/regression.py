"""Logistic regression with a ridge, by Newton's method. Pure and deterministic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

RIDGE = 1.0
"""Half a unit of log-likelihood for a weight of 1: nothing beside hundreds of questions, a hold where there are few."""
MAX_STEPS = 100
TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True)
class Fitted:
    """The probability of signs x is 1 / (1 + exp(-(bias + weights · x)))."""

    bias: float
    weights: tuple[float, ...]

    def predict(self, signs: Floats) -> Floats:
        """The probabilities of rows of signs, shape (n, number of weights)."""
        return _sigmoid(self.bias + signs @ np.array(self.weights, float))


def fit(signs: Floats, right: Floats, counts: Floats, *, ridge: float = RIDGE) -> Fitted:
    """The most likely weights for rows of signs (n, d), outcomes 0 or 1 (n) and what each row counts (n).

    The bias is not held back by the ridge.
    """
    rows = np.column_stack([np.ones(len(signs)), signs])
    held = ridge * np.concatenate([[1e-9], np.ones(signs.shape[1])])
    found = np.zeros(rows.shape[1])
    loss = _loss(rows, right, counts, held, found)
    for _ in range(MAX_STEPS):
        predicted = _sigmoid(rows @ found)
        slope = rows.T @ (counts * (predicted - right)) + held * found
        bend = (rows * (counts * predicted * (1 - predicted))[:, None]).T @ rows + np.diag(held)
        step = np.linalg.solve(bend, slope)
        # Far from the optimum a whole step may overshoot.
        size = 1.0
        while (reached := _loss(rows, right, counts, held, found - size * step)) > loss and size > TOLERANCE:
            size /= 2
        found = found - size * step
        if loss - reached < TOLERANCE * max(1.0, abs(loss)):
            break
        loss = reached
    return Fitted(float(found[0]), tuple(float(weight) for weight in found[1:]))


def _loss(rows: Floats, right: Floats, counts: Floats, held: Floats, weights: Floats) -> float:
    logits = rows @ weights
    likelihood = counts * (np.logaddexp(0.0, logits) - right * logits)
    return float(likelihood.sum() + 0.5 * (held * weights**2).sum())


def _sigmoid(logits: Floats) -> Floats:
    return np.exp(-np.logaddexp(0.0, -logits))
