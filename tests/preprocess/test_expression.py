"""Log counts per million by hand; scalings fitted on training slides alone."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from stbench.preprocess.expression import fit_scaling, log_cpm, size_factors

RNG = np.random.default_rng(0)
SLIDES = [RNG.gamma(1.0, 2.0, (n, 5)) for n in (7, 11)]
NAMES = ("log", "minmax", "zscore")


def test_log_cpm_by_hand():
    counts, totals = np.array([[3, 0], [1, 1], [0, 0]]), np.array([1_000, 10, 0])
    expected = [[math.log(1 + 3_000), 0.0], [math.log(1 + 100_000)] * 2, [0.0, 0.0]]
    np.testing.assert_allclose(log_cpm(counts, totals), expected, rtol=1e-14)


def test_a_spot_without_counts_is_zero_without_warning(recwarn):
    assert (log_cpm(np.zeros((2, 3)), np.zeros(2)) == 0).all()
    assert not recwarn.list


def test_size_factors_are_totals_over_their_median():
    np.testing.assert_allclose(size_factors(np.array([100, 200, 400])), [0.5, 1.0, 2.0])
    assert np.isfinite(size_factors(np.zeros(3))).all()


@pytest.mark.parametrize("name", NAMES)
def test_scalings_by_hand(name):
    stacked = np.concatenate(SLIDES)
    expected = {
        "log": stacked,
        "minmax": (stacked - stacked.min(0)) / (stacked.max(0) - stacked.min(0)),
        "zscore": (stacked - stacked.mean(0)) / stacked.std(0),
    }[name]
    scaled = fit_scaling(name, SLIDES).apply(stacked)
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaled, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
@given(arrays(np.float64, (4, 5), elements=st.floats(0, 14)))
def test_scaling_and_back_is_the_same_for_any_slide(name, other):
    scaling = fit_scaling(name, SLIDES)
    np.testing.assert_allclose(scaling.invert(scaling.apply(other)), other, atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_a_gene_constant_in_training_maps_to_zero_and_back_to_its_constant(name):
    training = [slide.copy() for slide in SLIDES]
    for slide in training:
        slide[:, 2] = 3.5
    scaling = fit_scaling(name, training)
    other = np.full((3, 5), 9.0)
    assert (scaling.apply(training[0])[:, 2] == 0).all() and (scaling.apply(other)[:, 2] == 0).all()
    np.testing.assert_array_equal(scaling.invert(np.full((3, 5), 0.7))[:, 2], 3.5)
    assert np.isfinite(scaling.apply(other)).all()


def test_training_stays_within_zero_and_one_and_other_slides_need_not():
    scaling = fit_scaling("minmax", SLIDES)
    inside = scaling.apply(np.concatenate(SLIDES))
    assert inside.min() == 0 and inside.max() == pytest.approx(1)
    assert scaling.apply(np.full((1, 5), 100.0)).min() > 1
