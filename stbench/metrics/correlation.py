"""Correlations between measured and predicted expression, per gene and per spot.

Conventions
    truth, prediction  (n_spots, n_genes): one slide, scored spots only; truth first, prediction second
    constant_below     (n_genes,) a predicted gene whose standard deviation lies below this is constant
    Where the truth does not vary the result is NaN: undefined for every method, left out and counted.
    Where only the prediction does not vary the result is 0. Under three spots everything is NaN; the scores
    of a slide need MIN_SPOTS, which is for their callers to see to.
Metrics
    pearson_per_gene   Pearson correlation across spots, one per gene
    spearman_per_gene  the same on ranks
    pearson_per_spot   Pearson correlation across genes, one per spot
    mean_pcc           mean of pearson_per_gene: the plain PCC

A Pearson correlation is the product of two columns that are centred and scaled to length 1 ("unit columns").
They are made once by unit_truth and unit_prediction, and every correlation in stbench is such a product.
"""

from __future__ import annotations

import numpy as np

# Spots that a slide's score must be made of, and below how many nothing can be correlated at all.
MIN_SPOTS = 20
_FEWEST = 3
# A prediction is constant below this share of the gene's standard deviation in training ...
PREDICTION_TOLERANCE = 1e-6
# ... and below this where the gene does not vary in training.
PREDICTION_FLOOR = 1e-12
# Rounding leaves a constant column with a spread of about 1e-16 of its size.
TRUTH_TOLERANCE = 1e-9


def constancy_threshold(training_std: np.ndarray) -> np.ndarray:
    """(n_genes,) the standard deviation below which a predicted gene is constant."""
    training_std = np.asarray(training_std, dtype=np.float64)
    return np.where(training_std > 0, PREDICTION_TOLERANCE * training_std, PREDICTION_FLOOR)


def varies(prediction: np.ndarray, constant_below: np.ndarray | float) -> np.ndarray:
    """(n_genes,) True where a predicted gene is not constant across spots."""
    if len(prediction) == 0:
        return np.zeros(prediction.shape[1], dtype=bool)
    std = prediction.std(axis=0)
    return (std > 0) & (std >= constant_below)


def unit_truth(truth: np.ndarray, size: np.ndarray | None = None) -> np.ndarray:
    """Columns of `truth` centred and scaled to length 1, NaN where they do not vary or spots are too few.

    `size` (n_genes,) is the magnitude that rounding errors are judged by: by default the largest value of the
    column; for residuals, that of what they were computed from.
    """
    if len(truth) < _FEWEST:
        return np.full(truth.shape, np.nan)
    size = _size(truth) if size is None else size
    return _unit(truth, truth.std(axis=0) > TRUTH_TOLERANCE * size, otherwise=np.nan)


def unit_prediction(prediction: np.ndarray, constant_below: np.ndarray | float) -> np.ndarray:
    """Columns of `prediction` centred and scaled to length 1, 0 where they are constant."""
    return _unit(prediction, varies(prediction, constant_below), otherwise=0.0)


def _size(values: np.ndarray) -> np.ndarray:
    return np.abs(values).max(axis=0)


def _unit(values: np.ndarray, usable: np.ndarray, otherwise: float) -> np.ndarray:
    unit = np.full(values.shape, otherwise)
    if not usable.any():
        return unit
    centred = values[:, usable] - values[:, usable].mean(axis=0)
    unit[:, usable] = centred / np.linalg.norm(centred, axis=0)
    return unit


def is_defined(unit_of_truth: np.ndarray) -> np.ndarray:
    """(n_genes,) True where a unit column holds numbers; nothing is defined without spots."""
    if len(unit_of_truth) == 0:
        return np.zeros(unit_of_truth.shape[1], dtype=bool)
    return ~np.isnan(unit_of_truth[0])


def product(unit_of_truth: np.ndarray, unit_of_prediction: np.ndarray) -> np.ndarray:
    """(n_genes,) correlations from unit columns, within [-1, 1]; NaN without spots."""
    if len(unit_of_truth) == 0:
        return np.full(unit_of_truth.shape[1], np.nan)
    return np.clip(np.einsum("sg,sg->g", unit_of_truth, unit_of_prediction), -1.0, 1.0)


def pearson_per_gene(truth: np.ndarray, prediction: np.ndarray, constant_below: np.ndarray) -> np.ndarray:
    """(n_genes,) Pearson correlation across spots; NaN for a constant truth, 0 for a constant prediction."""
    return product(unit_truth(truth), unit_prediction(prediction, constant_below))


def spearman_per_gene(truth: np.ndarray, prediction: np.ndarray, constant_below: np.ndarray) -> np.ndarray:
    """(n_genes,) Spearman correlation across spots, ties by mean rank; undefined as for Pearson."""
    from scipy.stats import rankdata  # takes a second to load, and only scoring needs it

    if len(truth) < _FEWEST:
        return np.full(truth.shape[1], np.nan)
    of_prediction = unit_prediction(rankdata(prediction, axis=0), 0.0)
    of_prediction[:, ~varies(prediction, constant_below)] = 0.0
    return product(unit_truth(rankdata(truth, axis=0)), of_prediction)


def pearson_per_spot(truth: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """(n_spots,) Pearson correlation across genes; NaN for a constant truth, 0 for a constant prediction.

    Genes differ in level, so that even the training mean scores high here: read it beside the method `mean`.
    """
    if truth.shape[1] < _FEWEST or len(truth) == 0:
        return np.full(len(truth), np.nan)
    constant_below = np.maximum(TRUTH_TOLERANCE * _size(prediction.T), PREDICTION_FLOOR)
    return product(unit_truth(truth.T), unit_prediction(prediction.T, constant_below))


def mean_pcc(truth: np.ndarray, prediction: np.ndarray, constant_below: np.ndarray) -> float:
    """Mean over genes of pearson_per_gene, NaN where no gene varies: what the inner loop maximises."""
    return mean_defined(pearson_per_gene(truth, prediction, constant_below))


def mean_defined(values: np.ndarray) -> float:
    """Mean of the values that are not NaN; NaN where there are none."""
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if defined.size else float("nan")


def median_defined(values: np.ndarray) -> float:
    """Median of the values that are not NaN; NaN where there are none."""
    defined = values[~np.isnan(values)]
    return float(np.median(defined)) if defined.size else float("nan")
