"""Ceilings against a simulated slide whose noise-free signal is known."""

from __future__ import annotations

import numpy as np
import pytest

from stbench.metrics.ceiling import (
    ceiling,
    ceiling_equal_depth,
    ceiling_per_gene,
    reliability,
    reliability_equal_depth,
)
from stbench.metrics.correlation import mean_defined, pearson_per_gene
from stbench.metrics.counts import draw_without_replacement, log_expression
from stbench.metrics.equal_depth import common_depth


def _composition(n_spots: int = 200, n_genes: int = 60, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Composition (n_spots, n_genes + 1) that differs between spots, and totals."""
    rng = np.random.default_rng(seed)
    share = rng.gamma(3.0, 1.0, (n_spots, n_genes + 1)) / 3
    share[:, -1] = n_genes / 4
    return share / share.sum(axis=1, keepdims=True), rng.integers(1_500, 6_000, n_spots)


def test_formulas_by_hand() -> None:
    r = np.array([0.0, 0.5, 1.0, -0.1, np.nan])
    np.testing.assert_allclose(ceiling_per_gene(r), [0, np.sqrt(1 / 1.5), 1, np.nan, np.nan])
    assert ceiling(r) == pytest.approx(np.sqrt(0.7 / 1.35))  # mean r = 0.35, the negative one included
    assert ceiling_equal_depth(r) == pytest.approx(np.sqrt(0.35))
    for hopeless in (np.array([-0.2, 0.1]), np.array([np.nan]), np.array([])):
        assert np.isnan(ceiling(hopeless)) and np.isnan(ceiling_equal_depth(hopeless))


def test_ceiling_is_what_the_noise_free_signal_scores() -> None:
    composition, totals = _composition()
    rng = np.random.default_rng(1)
    redraws = [log_expression(rng.multinomial(totals, composition)[:, :-1], totals) for _ in range(150)]
    signal = np.mean(redraws, axis=0)
    counts = rng.multinomial(totals, composition)
    measured = log_expression(counts[:, :-1], totals)
    score = mean_defined(pearson_per_gene(measured, signal, np.full(60, 1e-9)))
    found = ceiling(reliability(counts, rng))
    assert 0.6 < score < 0.97
    assert found == pytest.approx(score, abs=0.03)


def test_equal_depth_ceiling_is_what_the_noise_free_signal_scores_at_that_depth() -> None:
    composition, totals = _composition()
    rng = np.random.default_rng(2)
    counts = rng.multinomial(totals, composition)
    depth = common_depth(totals)
    at_depth = np.full(len(totals), depth)
    signal = np.mean(
        [log_expression(rng.multinomial(at_depth, composition)[:, :-1], depth) for _ in range(150)], 0
    )
    deep = totals >= 2 * depth
    drawn = [draw_without_replacement(counts[deep], depth, rng)[:, :-1] for _ in range(10)]
    scores = [pearson_per_gene(log_expression(d, depth), signal[deep], np.full(60, 1e-9)) for d in drawn]
    score, found = np.mean(scores), ceiling_equal_depth(reliability_equal_depth(counts, rng))
    assert 0.4 < score < 0.95
    assert found == pytest.approx(score, abs=0.03)


def test_without_any_signal_draws_of_equal_depth_do_not_correlate() -> None:
    _, totals = _composition()
    composition = np.append(np.full(60, 1 / 80), 0.25)
    counts = np.random.default_rng(3).multinomial(totals, composition)
    r = reliability_equal_depth(counts, np.random.default_rng(4))
    assert abs(r.mean()) < 0.03


@pytest.mark.parametrize(
    "counts", [np.empty((0, 4), dtype=int), np.full((2, 4), 9), np.zeros((5, 4), dtype=int)]
)
def test_too_few_spots_or_counts_measure_nothing(counts: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    assert np.isnan(reliability(counts, rng)).all() and np.isnan(reliability_equal_depth(counts, rng)).all()


def test_equal_depth_needs_three_spots_of_twice_the_depth() -> None:
    counts = np.column_stack([np.arange(10) + 20, np.full(10, 100)])
    assert np.isnan(reliability_equal_depth(counts, np.random.default_rng(0))).all()
    assert not np.isnan(reliability(counts, np.random.default_rng(0))).any()
    counts = np.column_stack([np.full(10, 20), [30] * 7 + [80] * 3])  # T0 is 50, three spots have exactly 100
    assert not np.isnan(reliability_equal_depth(counts, np.random.default_rng(0))).any()


def test_one_single_count_is_never_in_both_halves() -> None:
    counts = np.column_stack([np.eye(10, dtype=int)[:, 0], np.full(10, 100)])
    assert np.isnan(reliability(counts, np.random.default_rng(0)))[0]
