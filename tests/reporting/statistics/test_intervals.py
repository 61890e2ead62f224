"""Intervals: the bootstrap only where it holds."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from stbench.reporting.statistics import bootstrap_interval, t_interval


def test_no_bootstrap_below_eight_patients():
    scores = {f"P{i}": [0.1 * i, 0.2] for i in range(7)}
    assert bootstrap_interval(scores) is None
    assert bootstrap_interval(scores | {"P7": [0.3]}) is not None


def test_with_one_slide_each_it_is_scipys_percentile_bootstrap():
    values = np.random.default_rng(1).normal(0.2, 0.05, 12)
    low, high = bootstrap_interval({f"P{i:02}": [v] for i, v in enumerate(values)})
    reference = stats.bootstrap((values,), np.mean, method="percentile", n_resamples=10_000, rng=0)
    assert low == pytest.approx(reference.confidence_interval.low, abs=0.003)
    assert high == pytest.approx(reference.confidence_interval.high, abs=0.003)


def test_slides_are_drawn_within_patients():
    same_means = {f"P{i}": [0.2 - 0.1, 0.2 + 0.1] for i in range(8)}  # patients agree, slides do not
    low, high = bootstrap_interval(same_means)
    # each patient's mean of two drawn slides has variance 0.01 / 2; the mean of 8 has standard deviation 0.025
    assert high - low == pytest.approx(2 * 1.96 * 0.025, rel=0.1)
    assert bootstrap_interval(same_means) == (low, high)


@pytest.mark.acceptance
def test_the_default_test_and_interval_hold_where_slides_of_a_patient_are_correlated():
    """No difference in truth, 6 patients with 4 slides each, intraclass correlation 0.6 of the differences."""
    from stbench.reporting.statistics import mean
    from stbench.reporting.statistics.paired import signed_rank_p

    random = np.random.default_rng(7)
    n_trials, rejected, covered, slide_rejected = 1500, 0, 0, 0
    for _ in range(n_trials):
        of_patient = random.normal(0, np.sqrt(0.6), (6, 1))
        slides = of_patient + random.normal(0, np.sqrt(0.4), (6, 4))
        patients = [mean(row) for row in slides.tolist()]
        rejected += signed_rank_p(patients) < 0.05
        low, high = t_interval(patients)
        covered += low <= 0 <= high
        slide_rejected += stats.wilcoxon(slides.ravel()).pvalue < 0.05
    assert rejected / n_trials <= 0.045  # exact: 2 / 64 = 0.031 at most, plus sampling error
    assert covered / n_trials == pytest.approx(0.95, abs=0.017)
    assert slide_rejected / n_trials > 0.15  # what taking slides for patients would do
