"""Ceilings against a simulated slide whose noise-free signal is known; real slides: test_oracle_ceiling.py."""

from __future__ import annotations

import numpy as np
import pytest

from stbench.metrics.ceiling import (
    ceiling,
    ceiling_equal_depth,
    ceiling_equal_depth_error,
    ceiling_per_gene,
    mean_over_draws,
    reliability,
    reliability_at_depth,
)
from stbench.metrics.correlation import mean_defined, pearson_per_gene
from stbench.metrics.counts import log_expression
from stbench.metrics.equal_depth import common_depth
from stbench.metrics.subsampling import draws

ALL = np.ones(60, dtype=bool)


def _composition(n_spots: int = 200, n_genes: int = 60, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Composition (n_spots, n_genes + 1) that differs between spots, and totals."""
    rng = np.random.default_rng(seed)
    share = rng.gamma(3.0, 1.0, (n_spots, n_genes + 1)) / 3
    share[:, -1] = n_genes / 4
    return share / share.sum(axis=1, keepdims=True), rng.integers(1_500, 6_000, n_spots)


def test_formulas_by_hand() -> None:
    r = np.array([0.0, 0.5, 1.0, -0.1, np.nan, np.nan])
    scored = np.array([True, True, True, True, True, False])
    expected = [0, np.sqrt(1 / 1.5), 1, 0, 0, np.nan]
    np.testing.assert_allclose(ceiling_per_gene(r, scored), expected)
    # Roots are averaged, not r: a gene that never repeats counts 0, one that the score leaves out is left out.
    assert ceiling(r, scored) == pytest.approx((np.sqrt(1 / 1.5) + 1) / 5)
    assert ceiling_equal_depth(r[None], scored) == pytest.approx((np.sqrt(0.5) + 1) / 5)
    assert np.isnan(ceiling(r, np.zeros(6, dtype=bool)))
    assert ceiling(np.full(2, -0.3), np.ones(2, dtype=bool)) == 0.0


def test_r_is_averaged_over_draws_before_the_root() -> None:
    correlations = np.array([[0.4, 0.3, np.nan], [-0.2, 0.1, 0.25], [np.nan, np.nan, np.nan]])
    np.testing.assert_allclose(mean_over_draws(correlations), [0.1, 0.2, 0.25])
    expected = np.mean(np.sqrt([0.1, 0.2, 0.25]))
    assert ceiling_equal_depth(correlations, np.ones(3, dtype=bool)) == pytest.approx(expected)


def test_ceiling_is_what_the_noise_free_signal_scores() -> None:
    composition, totals = _composition()
    rng = np.random.default_rng(1)
    redraws = [log_expression(rng.multinomial(totals, composition)[:, :-1], totals) for _ in range(150)]
    signal = np.mean(redraws, axis=0)
    counts = rng.multinomial(totals, composition)
    measured = log_expression(counts[:, :-1], totals)
    score = mean_defined(pearson_per_gene(measured, signal, np.full(60, 1e-9)))
    found = ceiling(reliability(counts, rng), ALL)
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
    drawn = [one[:, :-1] for one in draws(counts[deep], depth, rng, 10)]
    scores = [pearson_per_gene(log_expression(d, depth), signal[deep], np.full(60, 1e-9)) for d in drawn]
    score, found = np.mean(scores), ceiling_equal_depth(reliability_at_depth(counts, rng), ALL)
    assert 0.4 < score < 0.95
    assert found == pytest.approx(score, abs=0.03)


def test_the_error_is_how_far_ceilings_of_other_draws_lie_apart() -> None:
    composition, totals = _composition(n_spots=90)
    counts = np.random.default_rng(5).multinomial(totals, composition)
    runs = [reliability_at_depth(counts, np.random.default_rng(seed), n_pairs=15) for seed in range(40)]
    apart = np.std([ceiling_equal_depth(run, ALL) for run in runs], ddof=1)
    stated = [ceiling_equal_depth_error(run, ALL) for run in runs]
    assert np.mean(stated) == pytest.approx(apart, rel=0.35)
    more = ceiling_equal_depth_error(reliability_at_depth(counts, np.random.default_rng(0), 135), ALL)
    assert more == pytest.approx(np.mean(stated) / 3, rel=0.35)  # nine times the draws
    assert np.isnan(ceiling_equal_depth_error(runs[0][:1], ALL))


def test_without_any_signal_draws_of_equal_depth_do_not_correlate() -> None:
    _, totals = _composition()
    composition = np.append(np.full(60, 1 / 80), 0.25)
    counts = np.random.default_rng(3).multinomial(totals, composition)
    r = mean_over_draws(reliability_at_depth(counts, np.random.default_rng(4)))
    assert abs(r.mean()) < 0.03


@pytest.mark.parametrize(
    "counts", [np.empty((0, 4), dtype=int), np.full((2, 4), 9), np.zeros((25, 4), dtype=int)]
)
def test_too_few_spots_or_counts_measure_nothing(counts: np.ndarray) -> None:
    rng, all_genes = np.random.default_rng(0), np.ones(3, dtype=bool)
    assert np.isnan(reliability(counts, rng)).all()
    pairs = reliability_at_depth(counts, rng)
    assert pairs.shape == (0, 3)
    assert np.isnan(
        [ceiling_equal_depth(pairs, all_genes), ceiling_equal_depth_error(pairs, all_genes)]
    ).all()


@pytest.mark.parametrize(("n_deep", "defined"), [(19, False), (20, True)])
def test_equal_depth_needs_twenty_spots_of_twice_the_depth(n_deep: int, defined: bool) -> None:
    n_spots = 60
    totals = np.where(
        np.arange(n_spots) < n_spots - n_deep, 60, 120
    )  # T0 is 60, n_deep spots have exactly 120
    gene = np.arange(n_spots) % 7 + 10
    pairs = reliability_at_depth(np.column_stack([gene, totals - gene]), np.random.default_rng(0), 5)
    assert (len(pairs) == 5) == defined


def test_one_single_count_is_never_in_both_halves_and_counts_zero() -> None:
    counts = np.column_stack([np.eye(30, dtype=int)[:, 0], np.full(30, 100)])
    r = reliability(counts, np.random.default_rng(0))
    assert np.isnan(r[0]) and ceiling(r, np.array([True])) == 0.0
