"""Deviance explained: a case by hand, scikit-learn's deviance, and what must score nothing, little and much."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import poisson
from sklearn.metrics import d2_tweedie_score, mean_poisson_deviance

from stbench.metrics.deviance import deviance_explained, log_rate, mean_log_expression, poisson_deviance
from stbench.metrics.training import TrainingSummary

N_GENES = 40


def _simulated(seed: int, cv: float, n_spots: int = 300) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rates (n_spots, n_genes) with a gamma signal, totals that vary a hundredfold, Poisson counts."""
    rng = np.random.default_rng(seed)
    mean_rate = np.geomspace(3e-5, 3e-3, N_GENES)
    rates = mean_rate * rng.gamma(1 / cv**2, cv**2, (n_spots, N_GENES))
    totals = np.round(np.exp(rng.uniform(np.log(200), np.log(20_000), n_spots))).astype(np.int64)
    return rates, totals, rng.poisson(rates * totals[:, None])


def _log(counts: np.ndarray, totals: np.ndarray) -> np.ndarray:
    return np.log1p(1e6 * counts / totals[:, None])


def _training(cv: float) -> TrainingSummary:
    _, totals, counts = _simulated(100, cv, 2_000)
    return TrainingSummary.of([_log(counts, totals)], [counts], [totals])


def _expected_log(rates: np.ndarray, depths: np.ndarray) -> np.ndarray:
    """E of log(1 + CPM) over depths, by summing probabilities of every count that can occur."""
    k = np.arange(400)
    each = [
        (poisson.pmf(k, depth * np.ravel(rates)[:, None]) * np.log1p(1e6 * k / depth)).sum(axis=1)
        for depth in depths
    ]
    return np.mean(each, axis=0).reshape(np.shape(rates))


def _read_off(rates: np.ndarray, depths: np.ndarray) -> np.ndarray:
    """The same for many rates, read off a fine grid."""
    grid = np.geomspace(1e-8, 0.05, 400)
    return np.interp(np.log(rates), np.log(grid), _expected_log(grid, depths))


def test_poisson_deviance_is_scikit_learns() -> None:
    rates, totals, counts = _simulated(0, 0.7)
    expected = 1.3 * rates * totals[:, None]
    total = counts.size * mean_poisson_deviance(counts.ravel(), expected.ravel())
    assert poisson_deviance(counts, expected) == pytest.approx(total)


def test_two_spots_and_two_genes_by_hand() -> None:
    """One depth of 1,000 and predictions whose rates are known: E of them."""
    counts, totals = np.array([[6, 1], [2, 3]]), np.array([1_000, 1_000])
    rate, depths = np.array([0.004, 0.002]), np.full(20, 1_000.0)
    doubled = np.array([[0.008, 0.002], [0.004, 0.004]])  # each spot doubles one gene's rate
    mean = _expected_log(rate, depths)
    training = TrainingSummary(mean * 0, mean * 0 + 9, mean, np.ones(2), rate, depths)
    # Scaled to the panel's share of .006: .0048 and .0012 in the first spot, .003 and .003 in the second.
    expected = np.array([[4.8, 1.2], [3.0, 3.0]])
    explained = d2_tweedie_score(counts.ravel(), expected.ravel(), power=1)
    null = d2_tweedie_score(counts.ravel(), np.array([4.0, 2.0, 4.0, 2.0]), power=1)
    found = deviance_explained(counts, totals, _expected_log(doubled, depths), training)
    assert found == pytest.approx(1 - (1 - explained) / (1 - null), abs=2e-3)  # by interpolation
    assert found > 0.5


@pytest.mark.parametrize("depth", [150.0, 3_000.0, 60_000.0])
def test_the_mean_log_expression_is_that_of_summed_probabilities(depth: float) -> None:
    rates = np.geomspace(1e-8, 250 / depth, 60)  # means up to 250: both ways of computing it
    expected = _expected_log(rates, np.array([depth]))
    np.testing.assert_allclose(mean_log_expression(rates, depth), expected, rtol=2e-6, atol=1e-12)


def test_a_rate_becomes_a_log_expression_and_back() -> None:
    depths = np.quantile(np.geomspace(200, 20_000, 500), (np.arange(20) + 0.5) / 20)
    rates = np.geomspace(1e-7, 1e-2, 30)
    back = np.exp(log_rate(_expected_log(rates, depths), depths))
    np.testing.assert_allclose(back, rates, rtol=5e-3)
    # The exponential less one, per million, would not do: sparse genes would be far too low.
    naive = np.expm1(_expected_log(rates, depths)) / 1e6
    assert (naive[rates < 1e-4] < 0.2 * rates[rates < 1e-4]).all()


@pytest.mark.parametrize("cv", [0.3, 0.7])
def test_the_training_mean_explains_exactly_nothing_and_true_rates_most_of_what_there_is(cv: float) -> None:
    rates, totals, counts = _simulated(0, cv)
    training = _training(cv)
    mean = np.broadcast_to(training.mean, counts.shape)
    assert deviance_explained(counts, totals, mean, training) == pytest.approx(0, abs=1e-12)
    oracle = _read_off(rates, training.depths)
    null = poisson_deviance(counts, totals[:, None] * training.rate)
    attainable = 1 - poisson_deviance(counts, totals[:, None] * rates) / null
    found = deviance_explained(counts, totals, oracle, training)
    assert attainable > (0.15 if cv == 0.3 else 0.5)
    assert 0.75 * attainable < found <= attainable
    half = deviance_explained(counts, totals, (oracle + training.mean) / 2, training)
    assert 0.4 * found < half < found


def test_depth_as_the_prediction_is_not_rewarded() -> None:
    """What scores high on plain PCC because depth does: the expected log expression at each spot's own depth."""
    _, totals, counts = _simulated(0, 0.7)
    training = _training(0.7)
    by_depth = np.array([_expected_log(training.rate, np.array([n])) for n in totals])
    correlation = [np.corrcoef(y, p)[0, 1] for y, p in zip(_log(counts, totals).T, by_depth.T, strict=True)]
    assert np.mean(correlation) > 0.3
    assert deviance_explained(counts, totals, by_depth, training) < 0
    # The same factor for all genes of a spot, in rates, is no prediction of composition: it comes out.
    factors = np.random.default_rng(0).uniform(0.5, 2, (len(totals), 1))
    found = [
        deviance_explained(counts, totals, _read_off(training.rate * f, training.depths), training)
        for f in (factors, np.ones_like(factors))
    ]
    assert found[0] == pytest.approx(found[1], abs=2e-3)


def test_shuffled_and_wild_predictions_explain_less_than_nothing() -> None:
    rates, totals, counts = _simulated(0, 0.7)
    training = _training(0.7)
    oracle = _read_off(rates, training.depths)
    shuffled = np.random.default_rng(0).permutation(oracle)
    wild = np.where(np.arange(len(totals))[:, None] % 2, -50.0, 1e6)
    for prediction in (shuffled, wild):
        found = deviance_explained(counts, totals, np.broadcast_to(prediction, counts.shape), training)
        assert np.isfinite(found) and found < 0.01


def test_undefined_without_counts_of_training_or_of_the_slide() -> None:
    _, totals, counts = _simulated(0, 0.7)
    log, training = _log(counts, totals), _training(0.7)
    assert np.isnan(deviance_explained(counts, totals, log, TrainingSummary.of([log])))
    absent = TrainingSummary.of([log], [counts * 0], [totals])
    assert np.isnan(deviance_explained(counts, totals, log, absent))
    one = counts.copy()
    one[:, 3] = 0  # a gene that the slide lacks counts like any other; one that training lacks is left out
    assert np.isfinite(deviance_explained(one, totals, log, training))
    lacking = training.covering(np.arange(N_GENES))
    lacking.rate[5] = 0.0
    kept = np.delete(np.arange(N_GENES), 5)
    assert deviance_explained(counts, totals, log, lacking) == pytest.approx(
        deviance_explained(counts[:, kept], totals, log[:, kept], training.covering(kept))
    )
