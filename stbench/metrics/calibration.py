"""Calibration: does a prediction vary as much as it should, and no more?

Conventions
    truth, prediction  (n_spots, n_genes) on the log scale: one slide, scored spots only
    constant_below     (n_genes,) a predicted gene whose standard deviation lies below this is constant
    A gene that does not vary in the truth is NaN.
Metrics, one value per gene
    variance_ratio  var(P) / var(Y)
    r_squared       squared correlation
    slope           cov(Y, P) / var(P): 1 is calibrated, below 1 the prediction varies too much

A calibrated predictor has slope 1 and therefore a variance ratio of r squared, not of 1.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stbench.metrics.correlation import pearson_per_gene, varies


class Calibration(NamedTuple):
    """(n_genes,) arrays; `slope` is NaN, the other two 0, where only the prediction is constant."""

    variance_ratio: np.ndarray
    r_squared: np.ndarray
    slope: np.ndarray


def calibration(truth: np.ndarray, prediction: np.ndarray, constant_below: np.ndarray) -> Calibration:
    """Variance ratio, r squared and slope of every gene."""
    r = pearson_per_gene(truth, prediction, constant_below)
    varying = varies(prediction, constant_below) & ~np.isnan(r)
    ratio, slope = np.where(np.isnan(r), np.nan, 0.0), np.full(r.shape, np.nan)
    if varying.any():
        # Over standard deviations, not variances: squares of very small numbers would vanish.
        spread = prediction[:, varying].std(axis=0) / truth[:, varying].std(axis=0)
        ratio[varying], slope[varying] = spread**2, r[varying] / spread
    return Calibration(ratio, r**2, slope)
