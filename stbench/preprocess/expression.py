"""Normalising expression: log counts per million, and scalings fitted on training slides.

Conventions: counts are (n_spots, n_genes) raw counts of the panel; totals are counts over ALL genes of the
slide; a spot with total 0 has expression 0; logarithms are natural.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

ScaleName = Literal["log", "minmax", "zscore"]


def log_cpm(counts: np.ndarray, totals: np.ndarray) -> np.ndarray:
    """log(1 + 1e6 * count / total), float64, same shape as `counts`."""
    totals = np.asarray(totals, dtype=np.float64)
    per_million = np.divide(1e6, totals, out=np.zeros_like(totals), where=totals > 0)
    return np.log1p(np.asarray(counts, dtype=np.float64) * per_million[:, None])


def size_factors(totals: np.ndarray) -> np.ndarray:
    """Totals over their median within the slide."""
    totals = np.asarray(totals, dtype=np.float64)
    return totals / max(float(np.median(totals)), 1.0)


@dataclass(frozen=True, eq=False)
class Scaling:
    """A per-gene affine map between the target's scale and a method's training scale.

    A gene that is constant in training has `unit` 0: it maps to 0 and back to its constant.
    """

    origin: np.ndarray
    unit: np.ndarray

    def apply(self, expression: np.ndarray) -> np.ndarray:
        """From the target's scale to the training scale, float32."""
        inverse = np.divide(1.0, self.unit, out=np.zeros_like(self.unit), where=self.unit > 0)
        return ((expression - self.origin) * inverse).astype(np.float32)

    def invert(self, scaled: np.ndarray) -> np.ndarray:
        """From the training scale back to the target's scale, float64."""
        return np.asarray(scaled, dtype=np.float64) * self.unit + self.origin


def fit_scaling(name: ScaleName, training: Sequence[np.ndarray]) -> Scaling:
    """The scaling of that name fitted on the training slides' expression only; "log" leaves it as it is."""
    stacked = np.concatenate(training)
    if name == "minmax":
        origin, unit = stacked.min(0), stacked.max(0) - stacked.min(0)
    elif name == "zscore":
        origin, unit = stacked.mean(0), stacked.std(0)
    else:
        origin, unit = np.zeros(stacked.shape[1]), np.ones(stacked.shape[1])
    constant = stacked.max(0) == stacked.min(0)
    return Scaling(np.where(constant, stacked[0], origin), np.where(constant, 0.0, unit))
