"""Distances between measured and predicted expression.

Conventions
    truth, prediction  (n_spots, n_genes): one slide, scored spots only; truth first, prediction second
    minimum, maximum   (n_genes,) range of each gene on the log scale over the training slides
    Genes that are constant in training are left out by the caller (they have no min-max scale).
Metrics
    rmse     root of the mean squared error over all spots and genes
    mae      mean absolute error over all spots and genes
    centred  each gene less its mean on this slide: what an error is without the level of the slide

An error on the min-max scale depends on the training range of the fold: it compares only within one table.
"""

from __future__ import annotations

import numpy as np


def minmax_scaled(log_expression: np.ndarray, minimum: np.ndarray, maximum: np.ndarray) -> np.ndarray:
    """Each gene mapped so that its training range becomes [0, 1], unclipped; maximum must exceed minimum."""
    return (log_expression - minimum) / (maximum - minimum)


def centred(values: np.ndarray) -> np.ndarray:
    """Each gene (column) less its mean over the spots."""
    return values - values.mean(axis=0) if len(values) else values


def rmse(truth: np.ndarray, prediction: np.ndarray) -> float:
    """Root-mean-square error, NaN where there is nothing to compare."""
    return float(np.sqrt(np.mean((truth - prediction) ** 2))) if truth.size else float("nan")


def mae(truth: np.ndarray, prediction: np.ndarray) -> float:
    """Mean absolute error, NaN where there is nothing to compare."""
    return float(np.mean(np.abs(truth - prediction))) if truth.size else float("nan")
