"""Clustering: do groups of spots with similar predictions agree with the pathologist's annotation?

Conventions
    values       (n_spots, n_features) predictions, or anything else that describes a spot
    annotation   (n_spots,) labels as text, "" = no label
    unlabelled, tumour_labels  annotation values that mean "no label", and those that count as tumour
Metrics
    adjusted_rand  PCA (at most 30 components), k-means with k = the true number of labels (an oracle's k that
                   no user would know), adjusted Rand index against the labels, mean of 10 seeds
    agreement      that for all labels, and for tumour against the rest
    label_agreement  that for all labels alone
    clusters       the groups that one of those seeds finds, to be drawn
"""

from __future__ import annotations

import warnings
from collections.abc import Collection
from typing import NamedTuple

import numpy as np
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score
from threadpoolctl import threadpool_limits

N_COMPONENTS = 30
N_SEEDS = 10
N_RESTARTS = 10


class Agreement(NamedTuple):
    """Adjusted Rand indices against all labels and against tumour-versus-rest; NaN where undefined."""

    ari: float
    ari_tumour: float


def agreement(
    values: np.ndarray,
    annotation: np.ndarray | None,
    unlabelled: Collection[str] = (),
    tumour_labels: Collection[str] = (),
    min_labelled: int = 0,
) -> Agreement:
    """Both indices over the spots that have a label; tumour-versus-rest needs both classes.

    Both are NaN where there is no annotation, or fewer than `min_labelled` spots have a label.
    """
    values, labels = _labelled(values, annotation, unlabelled, min_labelled)
    return Agreement(
        adjusted_rand(values, labels), adjusted_rand(values, np.isin(labels, list(tumour_labels)))
    )


def label_agreement(
    values: np.ndarray,
    annotation: np.ndarray | None,
    unlabelled: Collection[str] = (),
    min_labelled: int = 0,
) -> float:
    """The first index of `agreement` alone, at half its cost."""
    return adjusted_rand(*_labelled(values, annotation, unlabelled, min_labelled))


def _labelled(
    values: np.ndarray, annotation: np.ndarray | None, unlabelled: Collection[str], min_labelled: int
) -> tuple[np.ndarray, np.ndarray]:
    """Values and labels of the spots that have a label; of none where these are too few."""
    labels = np.full(len(values), "") if annotation is None else np.asarray(annotation, dtype=str)
    kept = (labels != "") & ~np.isin(labels, list(unlabelled))
    if kept.sum() < min_labelled:
        kept[:] = False
    return values[kept], labels[kept]


def adjusted_rand(values: np.ndarray, labels: np.ndarray) -> float:
    """Adjusted Rand index of k-means on `values` against `labels`, all spots labelled; mean of 10 seeds.

    1 is perfect, 0 is chance. NaN with fewer than two labels or as many labels as spots; 0 where the values
    do not vary, because spots that look alike form one cluster.
    """
    n_labels = len(np.unique(labels))
    if n_labels < 2 or n_labels >= len(labels):
        return float("nan")
    components = _components(values)
    if components is None:
        return 0.0
    with threadpool_limits(1):  # so few spots that threads would only wait for each other
        found = [_k_means(components, n_labels, seed) for seed in range(N_SEEDS)]
    return float(np.mean([adjusted_rand_score(labels, groups) for groups in found]))


def clusters(values: np.ndarray, n_clusters: int, seed: int = 0) -> np.ndarray:
    """(n_spots,) the cluster of each spot, 0 to n_clusters - 1; all 0 where the values do not vary."""
    components = _components(values)
    if components is None:
        return np.zeros(len(values), dtype=int)
    with threadpool_limits(1):
        return _k_means(components, n_clusters, seed)


def _components(values: np.ndarray) -> np.ndarray | None:
    """Principal components of what varies, None where nothing does."""
    varying = values[:, np.ptp(values, axis=0) > 0]
    if varying.shape[1] == 0:
        return None
    return PCA(min(N_COMPONENTS, *varying.shape), svd_solver="full").fit_transform(varying)


def _k_means(components: np.ndarray, n_clusters: int, seed: int) -> np.ndarray:
    with warnings.catch_warnings():
        # With fewer distinct predictions than labels fewer clusters are found; the index judges those.
        warnings.simplefilter("ignore", ConvergenceWarning)
        # Ten restarts each: single runs stop in local optima, and the mean would mostly show which.
        means = KMeans(n_clusters, n_init=N_RESTARTS, random_state=seed)  # type: ignore[arg-type]
        return means.fit_predict(components)
