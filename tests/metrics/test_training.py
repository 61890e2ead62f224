"""What a summary of the training slides holds, and that it survives being stored."""

from __future__ import annotations

import numpy as np

from stbench.metrics.training import N_DEPTHS, TrainingSummary


def _slides() -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
    rng = np.random.default_rng(0)
    counts = [rng.poisson(3, (n, 4)) for n in (30, 50)]
    totals = [slide.sum(axis=1) + rng.integers(10, 900, len(slide)) for slide in counts]
    return [np.log1p(c / t[:, None]) for c, t in zip(counts, totals, strict=True)], counts, totals


def test_rates_are_counts_over_counts_not_a_mean_of_ratios() -> None:
    expression, counts, totals = _slides()
    found = TrainingSummary.of(expression, counts, totals)
    assert found.rate is not None and found.depths is not None
    np.testing.assert_allclose(found.rate, np.concatenate(counts).sum(axis=0) / np.concatenate(totals).sum())
    assert found.depths.shape == (N_DEPTHS,) and (np.diff(found.depths) >= 0).all()
    # Quantiles each stand for an equal share of the spots: their mean is nearly the spots' own.
    assert abs(found.depths.mean() / np.concatenate(totals).mean() - 1) < 0.01


def test_part_of_a_panel_keeps_the_depths() -> None:
    found = TrainingSummary.of(*_slides())
    part = found.covering(np.array([True, False, True, True]))
    np.testing.assert_array_equal(part.rate, found.rate[[0, 2, 3]])
    np.testing.assert_array_equal(part.mean, found.mean[[0, 2, 3]])
    np.testing.assert_array_equal(part.depths, found.depths)


def test_arrays_make_the_same_summary_again_and_old_ones_lack_two() -> None:
    expression, counts, totals = _slides()
    for found in (TrainingSummary.of(expression, counts, totals), TrainingSummary.of(expression)):
        again = TrainingSummary(**found.arrays())
        assert again.arrays().keys() == found.arrays().keys()
        for name, array in found.arrays().items():
            np.testing.assert_array_equal(again.arrays()[name], array)
    old = TrainingSummary.of(expression)
    assert set(old.arrays()) == {"minimum", "maximum", "mean", "std"}
    assert old.rate is None and old.depths is None and old.covering(np.array([1])).rate is None
