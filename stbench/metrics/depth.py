"""PCC given depth: what is left of truth and prediction once sequencing depth is taken out.

Conventions
    totals   (n_spots,) counts over all genes, scored spots of one slide
    values   (n_spots, n_genes) truth or prediction on the log scale
Metrics
    DepthSpline.residuals  values less their least-squares fit on a natural cubic spline of log(1 + total)
    pcc_given_depth        correlation of both residuals, per gene

The spline is R's `ns(x, df = 5)` with an intercept: four interior knots at the quintiles, linear beyond the
outermost spots. A linear partial correlation is not enough: a gene's mean is no straight line in log total.
"""

from __future__ import annotations

import numpy as np
import patsy

from stbench.metrics.correlation import product, unit_prediction, unit_truth

DEGREES_OF_FREEDOM = 5


def natural_spline(x: np.ndarray, degrees: int = DEGREES_OF_FREEDOM) -> np.ndarray:
    """(n, degrees + 1) basis of natural cubic splines with intercept, fewer columns where x is heavily tied.

    Interior knots stand at the quantiles 1/degrees, 2/degrees, ... of x; equal knots count once.
    """
    if len(np.unique(x)) < 2:
        return np.ones((len(x), 1))
    knots = np.unique(np.quantile(x, np.arange(1, degrees) / degrees))
    knots = knots[(knots > x.min()) & (knots < x.max())]
    if len(knots) == 0:
        return np.column_stack([np.ones(len(x)), x])
    return np.asarray(patsy.cr(x, knots=knots, lower_bound=x.min(), upper_bound=x.max()))  # type: ignore


class DepthSpline:
    """Takes depth out of anything measured on the same spots."""

    def __init__(self, totals: np.ndarray):
        basis = natural_spline(np.log1p(np.asarray(totals, dtype=np.float64)))
        directions, strengths, _ = np.linalg.svd(basis, full_matrices=False)
        tolerance = 1e-10 * strengths.max(initial=0.0)
        self._explained = directions[:, strengths > tolerance]
        self.residual_degrees = len(basis) - self._explained.shape[1]

    def residuals(self, values: np.ndarray) -> np.ndarray:
        """(n_spots, n_genes) residuals; all 0 where under two residual degrees of freedom are left.

        With one degree left all residuals are multiples of one vector, and correlating them means nothing.
        """
        if self.residual_degrees < 2:
            return np.zeros(values.shape)
        return values - self._explained @ (self._explained.T @ values)

    def unit_truth(self, truth: np.ndarray) -> np.ndarray:
        """Unit columns of the truth's residuals, NaN where depth explains a gene wholly or it is constant."""
        return unit_truth(self.residuals(truth), size=np.abs(truth).max(axis=0, initial=0.0))

    def unit_prediction(self, prediction: np.ndarray, constant_below: np.ndarray) -> np.ndarray:
        """Unit columns of the prediction's residuals, 0 where nothing but depth was predicted."""
        return unit_prediction(self.residuals(prediction), constant_below)


def pcc_given_depth(
    truth: np.ndarray, prediction: np.ndarray, totals: np.ndarray, constant_below: np.ndarray
) -> np.ndarray:
    """(n_genes,) correlation of truth and prediction given depth; NaN and 0 as in correlation.py."""
    spline = DepthSpline(totals)
    return product(spline.unit_truth(truth), spline.unit_prediction(prediction, constant_below))
