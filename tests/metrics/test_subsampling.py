"""Draws without replacement: sums that must hold exactly, and the distribution of numpy's own."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_hypergeom

from stbench.metrics import subsampling
from stbench.metrics.subsampling import disjoint_draws, draws


def _counts(seed: int, n_spots: int = 12, n_genes: int = 9) -> np.ndarray:
    """Counts with rest; every spot has at least 30."""
    rng = np.random.default_rng(seed)
    counts = rng.negative_binomial(1, 0.4, (n_spots, n_genes + 1))
    counts[:, -1] += 30
    return counts


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 30))
def test_a_draw_has_exactly_its_depth_and_never_exceeds_the_counts(seed: int, depth: int) -> None:
    counts = _counts(seed)
    drawn = list(draws(counts, depth, np.random.default_rng(seed), 3))
    assert len(drawn) == 3
    for one in drawn:
        assert (one.sum(axis=1) == depth).all()
        assert ((one >= 0) & (one <= counts)).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 15))
def test_disjoint_draws_share_no_count(seed: int, depth: int) -> None:
    counts = _counts(seed)
    for first, second in disjoint_draws(counts, depth, np.random.default_rng(seed), 3):
        assert (first.sum(axis=1) == depth).all() and (second.sum(axis=1) == depth).all()
        assert (first + second <= counts).all()


def test_all_counts_are_drawn_where_there_are_no_more() -> None:
    counts = np.array([[3, 0, 7], [0, 4, 6], [0, 0, 10]])
    for one in draws(counts, 10, np.random.default_rng(0), 2):
        np.testing.assert_array_equal(one, counts)
    for first, second in disjoint_draws(counts, 5, np.random.default_rng(0), 2):
        np.testing.assert_array_equal(first + second, counts)


def test_draws_follow_the_multivariate_hypergeometric_distribution() -> None:
    counts = [4, 0, 10, 6]
    tall = np.tile(counts, (2_000, 1))
    drawn = np.concatenate(list(draws(tall, 5, np.random.default_rng(0), 20)))
    outcomes, times = np.unique(drawn, axis=0, return_counts=True)
    expected = multivariate_hypergeom.pmf(outcomes, counts, 5)
    assert expected.sum() == pytest.approx(1.0)
    np.testing.assert_allclose(times / len(drawn), expected, atol=4 * np.sqrt(0.25 / len(drawn)))


def test_the_second_of_two_disjoint_draws_is_a_draw_like_the_first() -> None:
    counts = np.tile([4, 10, 6], (2_000, 1))
    pairs = list(disjoint_draws(counts, 5, np.random.default_rng(0), 10))
    first, second = (np.concatenate(side) for side in zip(*pairs, strict=True))
    share = np.array([4, 10, 6]) / 20
    variance = 5 * share * (1 - share) * (20 - 5) / (20 - 1)
    for side in (first, second):
        np.testing.assert_allclose(side.mean(axis=0), 5 * share, atol=4 * np.sqrt(1.5 / len(side)))
        np.testing.assert_allclose(side.var(axis=0), variance, rtol=0.05)
    # Drawn from one urn: what the one takes the other cannot have, -5 / 19 of a count's variance for each count.
    covariance = np.mean((first - 5 * share) * (second - 5 * share), axis=0)
    np.testing.assert_allclose(covariance, -25 * share * (1 - share) / 19, atol=0.03)


def test_draws_made_in_several_batches_are_all_there_and_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = _counts(1)
    monkeypatch.setattr(subsampling, "_TOGETHER", 2 * (counts[:, :-1] > 0).sum())
    drawn = list(draws(counts, 20, np.random.default_rng(0), 5))
    assert len(drawn) == 5 and len({one.tobytes() for one in drawn}) == 5


@pytest.mark.parametrize("counts", [np.empty((0, 4), dtype=int), np.tile([0, 0, 9], (5, 1))])
def test_no_spots_or_no_panel_counts(counts: np.ndarray) -> None:
    for one in draws(counts, 6, np.random.default_rng(0), 2):
        assert one.shape == counts.shape
        np.testing.assert_array_equal(one[:, :-1], 0)
        np.testing.assert_array_equal(one[:, -1], 6)
