"""Gene-gene structure: does a prediction know which genes rise and fall together?

Conventions
    unit_residuals  (n_spots, n_genes) unit columns of spline residuals (depth.DepthSpline)
    correlations    (n_genes, n_genes) product of the prediction's unit residuals with themselves
Metrics
    GeneStructure      correlation between the upper triangles of the truth's and the prediction's gene-by-gene
                       correlation matrices
    AveragedStructure  the mean of that over many draws of the truth

Depth makes all genes rise together, in the truth as in a prediction, so depth is taken out of both first:
unresidualised, depth alone scores high. Genes that do not vary in the truth are left out; one that does not
vary in the prediction correlates 0 with all others.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from scipy.spatial.distance import squareform

from stbench.metrics.correlation import is_defined

# Genes needed for a correlation over pairs: three genes make three pairs.
MIN_GENES = 3
_ROUNDING = 1e-9


class GeneStructure:
    """The truth's gene-by-gene correlations, standardised once, that score any prediction."""

    def __init__(self, unit_residuals: np.ndarray):
        self.genes = np.flatnonzero(is_defined(unit_residuals))
        known = unit_residuals[:, self.genes]
        self.pairs = _standardised(known.T @ known)

    def score(self, correlations: np.ndarray) -> float:
        """Correlation over gene pairs; NaN where the truth, 0 where only the prediction has no structure."""
        return float("nan") if self.pairs is None else _product(self.pairs, correlations, self.genes)


class AveragedStructure:
    """Many draws of one slide's truth, folded into one sum for each set of genes that vary together."""

    def __init__(self, draws: Iterable[np.ndarray]):
        self._sums: dict[bytes, np.ndarray] = {}
        self._n_draws = 0
        for structure in map(GeneStructure, draws):
            if structure.pairs is not None:
                genes = structure.genes.tobytes()
                self._sums[genes] = self._sums.get(genes, 0.0) + structure.pairs
                self._n_draws += 1

    def score(self, correlations: np.ndarray) -> float:
        """Mean over the draws that have a structure, NaN where none has; 0 where the prediction has none."""
        if self._n_draws == 0:
            return float("nan")
        sets = ((np.frombuffer(genes, dtype=np.intp), pairs) for genes, pairs in self._sums.items())
        return sum(_product(pairs, correlations, genes) for genes, pairs in sets) / self._n_draws


def _standardised(correlations: np.ndarray) -> np.ndarray | None:
    """The upper triangle, centred and scaled to length 1; None where it does not vary."""
    if len(correlations) < MIN_GENES:
        return None
    pairs = squareform(correlations, checks=False)
    pairs = pairs - pairs.mean()
    length = np.linalg.norm(pairs)
    return pairs / length if length > _ROUNDING * np.sqrt(pairs.size) else None


def _product(pairs: np.ndarray, correlations: np.ndarray, genes: np.ndarray) -> float:
    predicted = _standardised(correlations[np.ix_(genes, genes)])
    return float(pairs @ predicted) if predicted is not None else 0.0
