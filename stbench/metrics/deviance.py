"""Deviance explained: how well a prediction, read as a rate, foretells the counts themselves.

Conventions
    counts      (n_spots, n_genes) raw counts of one slide's scored spots;  totals (n_spots,) over all genes
    prediction  (n_spots, n_genes) on the log scale, the same spots
    training    rates of the genes and depths of the spots in training (training.TrainingSummary)
Metrics
    deviance_explained  1 - D(predicted rates) / D(mean rates of training), D the Poisson deviance of all counts with
                        the spot's total as offset: D = 2 sum(c log(c / m) - c + m), m = total * rate

How a prediction on the log scale becomes a rate. Its exponential would not do: for sparse genes the mean of
log(1 + CPM) lies far below the logarithm of the mean. So a prediction is read as what it was fitted to be, the
mean of log(1 + CPM) over spots of all depths, and the same strictly rising map is undone for all genes:

    E(rate) = mean over training's depths N of E[log(1 + 1e6 K / N)], K ~ Poisson(rate * N)

A gene's rate is its mean rate in training, times what E's inverse gives for the prediction, over what it gives for
the gene's mean in training, within a hundredth and a hundred times. Rates are shares of a spot's counts: last, a
spot's are scaled to the share that the whole panel has in training. So the training mean explains exactly 0; a
factor that all genes of a spot have in common, as depth is, comes out; and what follows depth beyond that predicts
other rates where rates are the same, and pays for it. So does a prediction that varies more than it should.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.special import gammaln, xlogy

from stbench.metrics.training import TrainingSummary

# Rates between which E is known, and how far from its mean a gene's rate may be predicted.
_LOWEST, _HIGHEST, _PER_DECADE = 1e-10, 1.0, 40
_FARTHEST = 100.0
# Up to this mean the Poisson's probabilities are summed, above it four terms of a Taylor series are exact enough.
_SUMMED, _COUNTED = 40.0, 120


def deviance_explained(
    counts: np.ndarray, totals: np.ndarray, prediction: np.ndarray, training: TrainingSummary
) -> float:
    """Share of the deviance that the prediction explains, at most 1; NaN without rates or without any deviance.

    Genes without counts in training are left out.
    """
    if training.rate is None or training.depths is None:
        return float("nan")
    kept = training.rate > 0
    if not kept.any():
        return float("nan")
    known, rate = training.mean[kept], training.rate[kept]
    change = log_rate(prediction[:, kept], training.depths) - log_rate(known, training.depths)
    farthest = np.log(_FARTHEST)
    predicted = rate * np.exp(np.clip(change, -farthest, farthest))
    predicted *= rate.sum() / predicted.sum(axis=1, keepdims=True)
    offset = np.asarray(totals, dtype=np.float64)[:, None]
    null = poisson_deviance(counts[:, kept], offset * rate)
    return 1.0 - poisson_deviance(counts[:, kept], offset * predicted) / null if null > 0 else float("nan")


def poisson_deviance(counts: np.ndarray, expected: np.ndarray) -> float:
    """2 sum(c log(c / m) - c + m) over all spots and genes; `expected` must be positive."""
    return float(2.0 * np.sum(xlogy(counts, counts / expected) - counts + expected))


def log_rate(log_expression: np.ndarray, depths: np.ndarray) -> np.ndarray:
    """Logarithm of the rate whose mean log expression over `depths` is that; same shape."""
    rates, means = _curve(tuple(np.asarray(depths, dtype=np.float64)))
    return np.interp(log_expression, means, np.log(rates))


@lru_cache(maxsize=8)
def _curve(depths: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Rates from low to high and E of each: made once for a fold's training slides."""
    n_rates = round(_PER_DECADE * np.log10(_HIGHEST / _LOWEST)) + 1
    rates = np.geomspace(_LOWEST, _HIGHEST, n_rates)
    return rates, np.mean([mean_log_expression(rates, depth) for depth in depths], axis=0)


def mean_log_expression(rates: np.ndarray, depth: float) -> np.ndarray:
    """E[log(1 + 1e6 K / depth)], K ~ Poisson(rate * depth), of every rate; rates must rise."""
    scale = 1e6 / max(depth, 1.0)
    expected = rates * depth
    few = expected[expected <= _SUMMED]
    k = np.arange(_COUNTED + 1)
    probability = np.exp(xlogy(k, few[:, None]) - few[:, None] - gammaln(k + 1))
    return np.concatenate([probability @ np.log1p(scale * k), _by_series(expected[len(few) :], scale)])


def _by_series(m: np.ndarray, scale: float) -> np.ndarray:
    """E[log(1 + scale * K)] about its mean m, from the second to fourth central moments of a Poisson."""
    slope = scale / (1 + scale * m)
    return np.log1p(scale * m) - slope**2 * m / 2 + slope**3 * m / 3 - slope**4 * (3 * m**2 + m) / 4
