"""The mean PCC over many draws of the truth, at the price of one.

Conventions
    draws       (n_spots, n_genes) unit columns each (correlation.unit_truth), NaN where a gene is constant
    prediction  (n_spots, n_genes) unit columns (correlation.unit_prediction) of the same spots and genes
Metrics
    AveragedTruth.per_gene  mean correlation of each gene over the draws in which it varies
    AveragedTruth.mean      mean over draws of the mean over the genes that vary in that draw

A correlation is linear in the truth's unit column: the mean of correlations over draws is the product with
the mean of the draws. So draws are made once per slide and panel, and each prediction costs one product.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from stbench.metrics.correlation import is_defined


class AveragedTruth:
    """Many draws of one slide's truth, folded into the sums that any prediction can be scored with."""

    def __init__(self, draws: Iterable[np.ndarray], n_spots: int, n_genes: int):
        self._sum = np.zeros((n_spots, n_genes))
        self._weighted_sum = np.zeros((n_spots, n_genes))
        self._times_defined = np.zeros(n_genes, dtype=np.int64)
        self._n_draws = 0
        for draw in draws:
            self._add(draw)

    def _add(self, draw: np.ndarray) -> None:
        """Add one draw; one in which no gene varies says nothing and is passed over."""
        defined = is_defined(draw)
        if not defined.any():
            return
        values = np.where(defined, draw, 0.0)
        self._sum += values
        self._weighted_sum += values / defined.sum()
        self._times_defined += defined
        self._n_draws += 1

    def per_gene(self, prediction: np.ndarray) -> np.ndarray:
        """(n_genes,) mean correlation, NaN for a gene that varies in no draw."""
        sums = np.einsum("sg,sg->g", self._sum, prediction)
        undefined = np.full(sums.shape, np.nan)
        return np.divide(sums, self._times_defined, out=undefined, where=self._times_defined > 0)

    def mean(self, prediction: np.ndarray) -> float:
        """Mean PCC over the draws, NaN where no gene varies in any."""
        if self._n_draws == 0:
            return float("nan")
        return float(np.einsum("sg,sg->", self._weighted_sum, prediction)) / self._n_draws
