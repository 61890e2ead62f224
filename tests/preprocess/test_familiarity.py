"""Distances between slides in spreads of their embeddings, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from stbench.preprocess.familiarity import SlideSummaries


def test_distances_are_root_mean_squares_in_spreads():
    # Means (0, 0) and (4, 0); spreads (1, 2) each.
    first = np.array([[-1.0, -2.0], [1.0, 2.0]])
    summaries = SlideSummaries.of([first, first + np.array([4.0, 0.0])])
    np.testing.assert_allclose(summaries.distances(np.array([1.0, 2.0])), [1.0, np.sqrt((9 + 1) / 2)])
    assert summaries.reach() == pytest.approx(np.sqrt(16 / 2))


def test_a_feature_that_never_varies_says_nothing():
    slide = np.array([[0.0, 5.0], [2.0, 5.0]])
    (distance,) = SlideSummaries.of([slide]).distances(np.array([2.0, 100.0]))
    assert distance == 1.0


def test_one_slide_has_no_reach():
    assert SlideSummaries.of([np.eye(3)]).reach() is None
