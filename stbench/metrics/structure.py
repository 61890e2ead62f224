"""Gene-gene structure: does a prediction know which genes rise and fall together?

Conventions
    unit_residuals  (n_spots, n_genes) unit columns of spline residuals (depth.DepthSpline)
    correlations    (n_genes, n_genes) product of the prediction's unit residuals with themselves
Metrics
    GeneStructure   correlation between the upper triangles of the truth's and the prediction's gene-by-gene
                    correlation matrices

Depth makes all genes rise together, in the truth as in a prediction, so depth is taken out of both first:
unresidualised, depth alone scores high. Genes that do not vary in the truth are left out; one that does not
vary in the prediction correlates 0 with all others.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import squareform

from stbench.metrics.correlation import is_defined

# Genes needed for a correlation over pairs: three genes make three pairs.
MIN_GENES = 3
_ROUNDING = 1e-9


class GeneStructure:
    """The truth's gene-by-gene correlations, standardised once, that score any prediction."""

    def __init__(self, unit_residuals: np.ndarray):
        self._genes = np.flatnonzero(is_defined(unit_residuals))
        known = unit_residuals[:, self._genes]
        self._truth = self._pairs(known.T @ known)

    def _pairs(self, correlations: np.ndarray) -> np.ndarray | None:
        """The upper triangle, centred and scaled to length 1; None where it does not vary."""
        if len(self._genes) < MIN_GENES:
            return None
        pairs = squareform(correlations, checks=False)
        pairs = pairs - pairs.mean()
        length = np.linalg.norm(pairs)
        return pairs / length if length > _ROUNDING * np.sqrt(pairs.size) else None

    def score(self, correlations: np.ndarray) -> float:
        """Correlation over gene pairs; NaN where the truth, 0 where only the prediction has no structure."""
        if self._truth is None:
            return float("nan")
        predicted = self._pairs(correlations[np.ix_(self._genes, self._genes)])
        return float(self._truth @ predicted) if predicted is not None else 0.0
