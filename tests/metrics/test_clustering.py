"""Clusters against annotations: scikit-learn called by hand, and cases in which there is nothing to say."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score

from stbench.metrics.clustering import adjusted_rand, agreement, clusters


def _tissue(distance: float, n_genes: int = 40) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = np.repeat(["tumour", "stroma", "fat"], [30, 20, 10])
    centres = {label: rng.normal(0, distance, n_genes) for label in np.unique(labels)}
    return np.array([centres[label] for label in labels]) + rng.normal(size=(60, n_genes)), labels


def test_equals_scikit_learn_by_hand() -> None:
    values, labels = _tissue(0.35)
    components = PCA(30, svd_solver="full").fit_transform(values)
    found = [KMeans(3, n_init=10, random_state=seed).fit_predict(components) for seed in range(10)]
    expected = np.mean([adjusted_rand_score(labels, clusters) for clusters in found])
    assert 0.1 < expected < 0.9
    assert adjusted_rand(values, labels) == pytest.approx(expected)


def test_perfect_worthless_and_constant_values() -> None:
    values, labels = _tissue(5.0)
    assert adjusted_rand(values, labels) == 1.0
    assert abs(adjusted_rand(np.random.default_rng(1).normal(size=(60, 5)), labels)) < 0.1
    assert adjusted_rand(np.full((60, 5), 8.3), labels) == 0.0
    assert adjusted_rand(np.empty((60, 0)), labels) == 0.0


def test_two_distinct_predictions_make_two_clusters_without_a_warning() -> None:
    _, labels = _tissue(1.0)
    is_tumour = labels == "tumour"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = adjusted_rand(np.repeat(is_tumour[:, None] * 1.0, 4, axis=1), labels)
    assert found == pytest.approx(adjusted_rand_score(labels, is_tumour))


@pytest.mark.parametrize("labels", [[], ["a"], ["a", "a", "a"], ["a", "b"]])
def test_undefined_with_one_label_or_as_many_as_spots(labels: list[str]) -> None:
    assert np.isnan(adjusted_rand(np.arange(len(labels) * 2.0).reshape(-1, 2), np.array(labels)))


def test_spots_without_a_label_are_left_out() -> None:
    values, labels = _tissue(0.5)
    annotation = np.concatenate([labels, ["", "undetermined"]])
    more = np.concatenate([values, np.full((2, 40), 1e3)])
    found = agreement(more, annotation, ("undetermined",), ("tumour",))
    assert found.ari == pytest.approx(adjusted_rand(values, labels))
    assert found.ari_tumour == pytest.approx(adjusted_rand(values, labels == "tumour"))


def test_tumour_versus_rest_needs_both_classes() -> None:
    values, labels = _tissue(5.0)
    assert agreement(values, labels, (), ("tumour",)).ari_tumour > 0.3
    for tumour_labels in ((), ("absent",), ("tumour", "stroma", "fat")):
        assert np.isnan(agreement(values, labels, (), tumour_labels).ari_tumour)
    assert np.isnan(agreement(values, None)).all()


def test_the_order_of_spots_and_a_rotation_hardly_matter() -> None:
    values, labels = _tissue(0.8)
    rng = np.random.default_rng(2)
    order, rotation = rng.permutation(60), np.linalg.qr(rng.normal(size=(40, 40)))[0]
    assert adjusted_rand(values[order] @ rotation, labels[order]) == pytest.approx(
        adjusted_rand(values, labels), abs=0.05
    )


def test_drawn_clusters_are_those_of_one_seed() -> None:
    values, _ = _tissue(0.35)
    components = PCA(30, svd_solver="full").fit_transform(values)
    expected = KMeans(3, n_init=10, random_state=4).fit_predict(components)
    np.testing.assert_array_equal(clusters(values, 3, seed=4), expected)
    assert clusters(np.ones((5, 3)), 2).tolist() == [0] * 5
