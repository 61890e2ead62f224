"""The mean PCC over many draws of the truth, at the price of one.

Conventions
    draws       (n_spots, n_genes) unit columns each (correlation.unit_truth), NaN where a gene is constant
    prediction  (n_spots, n_genes) unit columns (correlation.unit_prediction) of the same spots and genes
Metrics
    AveragedTruth.add       fold one more draw in
    AveragedTruth.per_gene  mean correlation of each gene over the draws in which it varies
    AveragedTruth.mean      mean of that over the genes that vary in any draw

A correlation is linear in the truth's unit column: the mean of correlations over draws is the product with
the mean of the draws. So draws are made once per slide and panel, and each prediction costs one product.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from stbench.metrics.correlation import is_defined, mean_defined


class AveragedTruth:
    """Many draws of one slide's truth, folded into the sum that any prediction can be scored with.

    varying  (n_genes,) True where a gene varies in at least one draw
    """

    def __init__(self, draws: Iterable[np.ndarray], n_spots: int, n_genes: int):
        self._sum = np.zeros((n_spots, n_genes))
        self._times_defined = np.zeros(n_genes, dtype=np.int64)
        for draw in draws:
            self.add(draw)

    def add(self, draw: np.ndarray) -> None:
        """Fold in one more draw (n_spots, n_genes)."""
        defined = is_defined(draw)
        self._sum += np.where(defined, draw, 0.0)
        self._times_defined += defined

    @property
    def varying(self) -> np.ndarray:
        return self._times_defined > 0

    def per_gene(self, prediction: np.ndarray) -> np.ndarray:
        """(n_genes,) mean correlation, NaN for a gene that varies in no draw."""
        sums = np.einsum("sg,sg->g", self._sum, prediction)
        undefined = np.full(sums.shape, np.nan)
        return np.divide(sums, self._times_defined, out=undefined, where=self.varying)

    def mean(self, prediction: np.ndarray) -> float:
        """Mean over genes, NaN where no gene varies in any draw."""
        return mean_defined(self.per_gene(prediction))
