"""Two classes of spots told apart on a slide by a line that was fitted on other slides.

Conventions
    values    (n_spots, n_features) whatever describes a spot: expression, a prediction, an embedding, depth
    positive  (n_spots,) True for the class that is looked for, tumour say
Functions
    LogisticProbe  fitted on slides of which both classes are known; ranks the spots of another
    auroc          area under the receiver operating characteristic of such a ranking

The recipe is fixed, so that nothing is chosen on any slide. Each training slide is centred on the midpoint of its two
classes, because slides differ in level; each class of each slide weighs the same, however many spots it has. Features
are scaled to a mean square of 1, principal components taken (at most 30, as many as k-means clusters), and
scikit-learn's logistic regression fitted on them with its own penalty (C = 1). Of the slide that is ranked nothing is
used but its values: where it lies between the two classes shifts all spots alike, and the area under the curve does not
see that.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits

from stbench.metrics.clustering import N_COMPONENTS

PENALTY = 1.0
_ITERATIONS = 1_000
# Spots that look alike must tie, whatever the last digits of a product of matrices are.
_DIGITS = 9


class LogisticProbe:
    """A line between two classes, fitted on slides that each have both; ValueError where one has not."""

    def __init__(self, values: Sequence[np.ndarray], positive: Sequence[np.ndarray]):
        if not values or any(len(np.unique(of_slide)) != 2 for of_slide in positive):
            raise ValueError("a probe is fitted on slides that have both classes")
        weights = [_balanced(of_slide) for of_slide in positive]
        centred = np.concatenate(
            [slide - weight @ slide for slide, weight in zip(values, weights, strict=True)]
        )
        weight = np.concatenate(weights) / len(weights)
        size = np.sqrt(weight @ centred**2)
        self._scale = np.divide(1.0, size, out=np.zeros_like(size), where=size > 0)
        scaled = centred * self._scale
        with threadpool_limits(1):
            self._components = PCA(min(N_COMPONENTS, *scaled.shape), svd_solver="full").fit(scaled)
            self._line = LogisticRegression(C=PENALTY, max_iter=_ITERATIONS, random_state=0).fit(
                self._components.transform(scaled),
                np.concatenate(positive),
                sample_weight=weight * len(weight),
            )

    def rank(self, values: np.ndarray) -> np.ndarray:
        """(n_spots,) the higher, the more like the class looked for; only the order means anything."""
        # Features that are constant on the slide tell no two spots apart.
        centred = values - values.mean(axis=0)
        centred[:, np.ptp(values, axis=0) == 0] = 0.0
        distance = self._line.decision_function(self._components.transform(centred * self._scale))
        return np.round(distance, _DIGITS)


def _balanced(positive: np.ndarray) -> np.ndarray:
    """(n_spots,) weights that sum to 1, half of it for each class."""
    return np.where(positive, 0.5 / positive.sum(), 0.5 / (~positive).sum())


def auroc(positive: np.ndarray, rank: np.ndarray) -> float:
    """How often a spot of the class looked for ranks above another, ties half; 0.5 is chance, NaN without both."""
    if len(np.unique(positive)) != 2:
        return float("nan")
    return float(roc_auc_score(positive, rank))
