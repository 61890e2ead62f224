"""Redrawn counts: sums that must hold exactly, and the distributions they must follow."""

from __future__ import annotations

import numpy as np
import pytest

from stbench.errors import DatasetError
from stbench.metrics.counts import draw_constant, log_expression, thin, with_rest
from stbench.preprocess.expression import log_cpm


def _counts(seed: int, n_spots: int = 12, n_genes: int = 9) -> np.ndarray:
    """Counts with rest; every spot has at least 30."""
    rng = np.random.default_rng(seed)
    counts = rng.negative_binomial(1, 0.2, (n_spots, n_genes + 1))
    counts[:, -1] += 30
    return counts


def test_log_expression_by_hand_and_a_spot_without_counts() -> None:
    counts = np.array([[1, 0], [0, 0], [3, 1]])
    expected = [[np.log(1 + 1e6 / 4), 0], [0, 0], [np.log(1 + 3e6 / 5), np.log(1 + 1e6 / 5)]]
    np.testing.assert_allclose(log_expression(counts, np.array([4, 0, 5])), expected)


def test_log_expression_is_the_scale_that_methods_train_on() -> None:
    counts = _counts(0)
    totals = counts.sum(axis=1)
    np.testing.assert_array_equal(log_expression(counts[:, :-1], totals), log_cpm(counts[:, :-1], totals))


def test_rest_completes_the_totals() -> None:
    counts = _counts(1)
    np.testing.assert_array_equal(with_rest(counts[:, :-1].astype(float), counts.sum(axis=1)), counts)


@pytest.mark.parametrize(
    ("counts", "message"),
    [([[2, 2]], "more counts in the gene panel"), ([[0.5, 1]], "whole"), ([[-1, 1]], "whole")],
)
def test_counts_that_contradict_their_totals_are_refused(counts: list, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        with_rest(np.array(counts), np.array([3]))


def test_redraws_keep_the_totals_and_lose_the_composition() -> None:
    # Two kinds of spots with opposite composition: afterwards both have the pooled one, here 2 : 1 : 1.
    counts = np.concatenate([np.tile([60, 0, 20], (3_000, 1)), np.tile([0, 30, 10], (3_000, 1))])
    totals = counts.sum(axis=1)
    drawn = draw_constant(counts, totals, np.random.default_rng(0))
    assert (drawn.sum(axis=1) == totals).all()
    for kind, total in ((drawn[:3_000], 80), (drawn[3_000:], 40)):
        np.testing.assert_allclose(kind.mean(axis=0), total * np.array([0.5, 0.25, 0.25]), rtol=0.03)


def test_halves_add_up_and_each_count_tosses_a_fair_coin() -> None:
    counts = np.full((20_000, 2), 8)
    first, second = thin(counts, np.random.default_rng(0))
    np.testing.assert_array_equal(first + second, counts)
    np.testing.assert_allclose(first.mean(axis=0), 4, rtol=0.02)
    np.testing.assert_allclose(first.var(axis=0), 2, rtol=0.05)
