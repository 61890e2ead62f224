"""Scores inside regions: a case worked by hand, and every score against the whole-slide metric on the region alone."""

from __future__ import annotations

import numpy as np
import pytest

from stbench.metrics.correlation import mean_defined, mean_pcc, pearson_per_gene, unit_prediction
from stbench.metrics.counts import log_expression
from stbench.metrics.depth import pcc_given_depth
from stbench.metrics.equal_depth import EqualDepthTruth
from stbench.metrics.null import ExchangedTruth
from stbench.metrics.within import TruthWithin

NEVER = np.full(6, 1e-9)


def tissue(n: int = 90, n_genes: int = 6) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Counts with rest of unequal depth, places and a prediction that knows something."""
    rng = np.random.default_rng(4)
    depth = rng.uniform(300, 2_000, n)
    rates = rng.gamma(2.0, 1.0, (n, n_genes + 1)) * np.r_[np.full(n_genes, 0.02), 1.0]
    counts = rng.poisson(depth[:, None] * rates)
    places = np.column_stack([np.arange(n) // 10, np.arange(n) % 10])
    return counts, places, rates[:, :-1] + rng.normal(0, 0.02, (n, n_genes))


def test_a_prediction_that_knows_the_regions_alone_scores_on_the_slide_and_not_inside():
    """Two regions of 40 spots: counts 10 or 12 and 50 or 52 by turns, of 1,000 each. The prediction knows which region,
    and inside follows a pattern that is orthogonal to the truth's: every score inside is 0."""
    turns = np.tile([1, -1, 1, -1], 20)
    pairs = np.tile([1, 1, -1, -1], 20)
    first = np.arange(80) < 40
    counts = np.where(first, 11, 51) + turns
    with_rest = np.column_stack([counts, 1_000 - counts])
    prediction = (np.where(first, 2.0, 8.0) + 0.1 * pairs)[:, None]
    places = np.column_stack([np.arange(80) // 10, np.arange(80) % 10])
    expression = log_expression(with_rest[:, :1], with_rest.sum(axis=1))
    assert np.corrcoef(expression[:, 0], prediction[:, 0])[0, 1] > 0.98
    found = TruthWithin(with_rest, places, {"A": first, "B": ~first}, np.random.default_rng(0))
    for scores in found.scores(prediction, np.array([1e-9])).values():
        assert (scores.pcc, scores.pcc_given_depth, scores.pcc_equal_depth) == pytest.approx(
            (0, 0, 0), abs=1e-12
        )
    # Of the truth's own pattern inside, all of it is found.
    right = found.scores(expression + 5.0, np.array([1e-9]))
    assert [scores.pcc for scores in right.values()] == pytest.approx([1.0, 1.0])


def test_each_score_is_the_slide_s_on_the_region_s_spots():
    counts, places, prediction = tissue()
    inside = np.random.default_rng(1).permutation(90) < 50  # all over the slide, as regions lie
    found = TruthWithin(counts, places, {"part": inside}, np.random.default_rng(0))
    scores = found.scores(prediction, NEVER)["part"]
    totals = counts.sum(axis=1)
    measured = log_expression(counts[:, :-1], totals)
    assert scores.pcc == pytest.approx(mean_pcc(measured[inside], prediction[inside], NEVER))
    given = pcc_given_depth(measured[inside], prediction[inside], totals[inside], NEVER)
    assert scores.pcc_given_depth == pytest.approx(mean_defined(given))
    one_by_one = pearson_per_gene(measured[inside], prediction[inside], NEVER)
    assert scores.pcc == pytest.approx(one_by_one.mean())


def test_a_region_that_is_the_whole_slide_has_the_slide_s_scores():
    counts, places, prediction = tissue()
    found = TruthWithin(counts, places, {"all": np.full(90, True)}, np.random.default_rng(5))
    scores = found.scores(prediction, NEVER)["all"]
    totals, rng = counts.sum(axis=1), np.random.default_rng(5)
    null = ExchangedTruth(log_expression(counts[:, :-1], totals), totals, places, rng)
    assert scores.pcc_null == pytest.approx(null.pcc(unit_prediction(prediction, NEVER)))
    deep = EqualDepthTruth(counts, np.random.default_rng(6))
    other_draws = deep.mean(deep.unit_prediction(prediction, NEVER))
    assert scores.pcc_equal_depth == pytest.approx(other_draws, abs=0.03)
    assert scores.pcc_equal_depth != pytest.approx(scores.pcc, abs=0.01)


def test_too_few_spots_and_constant_predictions():
    counts, places, prediction = tissue()
    few, shallow = np.arange(90) < 19, np.zeros(90, dtype=bool)
    shallow[np.argsort(counts.sum(axis=1))[:25]] = True  # 9 of these have fewer than T0 counts, 16 are left
    found = TruthWithin(counts, places, {"few": few, "shallow": shallow}, np.random.default_rng(0))
    scores = found.scores(prediction, NEVER)
    assert np.isnan(scores["few"]).all()
    assert np.isnan(scores["shallow"].pcc_equal_depth) and not np.isnan(scores["shallow"].pcc)
    constant = found.scores(np.full((90, 6), 3.0), NEVER)["shallow"]
    assert (constant.pcc, constant.pcc_null, constant.pcc_given_depth) == (0, 0, 0)
