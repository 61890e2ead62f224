"""A probe against scikit-learn called by hand, and the area under the curve against pairs counted one by one."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import scale

from stbench.metrics.probe import LogisticProbe, auroc


def slides(
    n_slides: int = 3, n_features: int = 8, shift: float = 1.0
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Slides at very different levels; on each the second class is higher in the first feature."""
    rng = np.random.default_rng(2)
    positive = [np.arange(40) < 20 for _ in range(n_slides)]
    values = [rng.normal(0, 1, (40, n_features)) + rng.normal(0, 50, n_features) for _ in range(n_slides)]
    for of_slide, classes in zip(values, positive, strict=True):
        of_slide[classes, 0] += shift
    return values, positive


def test_area_is_the_share_of_pairs_in_order():
    positive = np.array([True, True, False, False, False])
    rank = np.array([3.0, 1.0, 1.0, 0.0, 2.0])
    # 3 beats all three; 1 ties with one, beats one, loses to one.
    assert auroc(positive, rank) == pytest.approx((3 + 1.5) / 6)
    assert auroc(positive, np.zeros(5)) == 0.5
    assert np.isnan(auroc(np.full(5, True), rank))


def test_equals_scikit_learn_by_hand_on_balanced_slides():
    values, positive = slides(shift=1.5)
    centred = np.concatenate([of_slide - of_slide.mean(axis=0) for of_slide in values[:2]])
    scaled, size = scale(centred, with_mean=False), centred.std(axis=0)
    components = PCA(8, svd_solver="full").fit(scaled)
    line = LogisticRegression(max_iter=1_000).fit(components.transform(scaled), np.concatenate(positive[:2]))
    third = (values[2] - values[2].mean(axis=0)) / size
    expected = line.decision_function(components.transform(third))
    found = LogisticProbe(values[:2], positive[:2]).rank(values[2])
    assert found == pytest.approx(expected, abs=1e-6)
    assert 0.7 < auroc(positive[2], found) < 1.0


def test_level_and_number_of_spots_of_a_class_do_not_matter():
    values, positive = slides(shift=2.0)
    probe = LogisticProbe(values[:2], positive[:2])
    first, shifted = probe.rank(values[2]), probe.rank(values[2] + 1_000.0)
    assert shifted == pytest.approx(first, abs=1e-6)
    many = np.concatenate([values[1], *[values[1][~positive[1]]] * 5])
    classes = np.concatenate([positive[1], np.full(100, False)])
    again = LogisticProbe([values[0], many], [positive[0], classes]).rank(values[2])
    assert np.corrcoef(first, again)[0, 1] > 0.98


def test_a_constant_tells_no_two_spots_apart():
    values, positive = slides(shift=3.0)
    probe = LogisticProbe(values[:2], positive[:2])
    assert auroc(positive[2], probe.rank(np.full((40, 8), 7.3))) == 0.5


def test_depth_alone_is_a_probe_of_one_number():
    values, positive = slides(n_features=1, shift=-2.0)
    rank = LogisticProbe(values[:2], positive[:2]).rank(values[2])
    assert auroc(positive[2], rank) == pytest.approx(auroc(positive[2], -values[2][:, 0]))


def test_a_slide_of_one_class_fits_no_probe():
    values, positive = slides()
    with pytest.raises(ValueError, match="both classes"):
        LogisticProbe(values[:2], [positive[0], np.full(40, True)])
    with pytest.raises(ValueError, match="both classes"):
        LogisticProbe([], [])
