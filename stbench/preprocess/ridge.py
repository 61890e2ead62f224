"""Linear models on the principal components of embeddings: what the ridge, smooth and depth floors share.

Both models are exact and closed-form, hence repeatable. They see TrainingSlides and predict from embeddings. One fit
serves every penalty: a penalty only says how far each component's coefficients shrink, so it is given to `predict`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import linalg
from sklearn.decomposition import PCA

from stbench.contract import ParameterCount
from stbench.slide import TrainingSlide


class Components(NamedTuple):
    """Principal components: orthonormal axes (k, d), and the centre (d,) that they go through."""

    axes: np.ndarray
    centre: np.ndarray

    def scores(self, embeddings: np.ndarray) -> np.ndarray:
        """(n, k) places of embeddings (n, d) along the axes."""
        return embeddings @ self.axes.T - self.centre @ self.axes.T


def principal_components(embeddings: np.ndarray, components: int) -> Components:
    """The first principal components of (n_spots, d), fewer where spots are few.

    Every solver is exact and repeatable; with fewer spots than features Lanczos iterations are several times
    faster than the eigenvectors of the (d, d) covariance, but they cannot give all components.
    """
    n_spots, width = embeddings.shape
    found = min(components, n_spots, width)
    if n_spots >= width:
        return _leading_eigenvectors(embeddings, found)
    solver = "arpack" if found < n_spots else "full"
    pca = PCA(found, svd_solver=solver, random_state=0).fit(embeddings)
    return Components(np.asarray(pca.components_), np.asarray(pca.mean_))


def _leading_eigenvectors(embeddings: np.ndarray, found: int) -> Components:
    """Those of the covariance alone that are asked for: finding all would take longer than all the rest of a fit."""
    centre, width = embeddings.mean(axis=0), embeddings.shape[1]
    scatter = embeddings.T @ embeddings - len(embeddings) * np.outer(centre, centre)
    _, vectors = linalg.eigh(scatter, subset_by_index=(width - found, width - 1), overwrite_a=True)
    return Components(vectors.T[::-1], centre)


class _Lines(NamedTuple):
    """Ridge regressions on principal components, one for every penalty.

    Scores of the training spots are centred and uncorrelated, so that each component has its coefficients apart
    from the others: score @ target / (score @ score + penalty).

    strength (k,)     score @ score of the training spots
    alignment (k, m)  score @ target of the training spots
    mean (m,)         of the targets
    """

    components: Components
    strength: np.ndarray
    alignment: np.ndarray
    mean: np.ndarray

    @classmethod
    def fit(cls, train: Sequence[TrainingSlide], targets: np.ndarray, components: int) -> _Lines:
        embeddings = np.concatenate([slide.embeddings for slide in train]).astype(np.float64)
        axes = principal_components(embeddings, components)
        scores, mean = axes.scores(embeddings), targets.mean(axis=0)
        return cls(axes, np.square(scores).sum(axis=0), scores.T @ (targets - mean), mean)

    def predict(self, embeddings: np.ndarray, penalty: float) -> np.ndarray:
        """(n, m) from (n, d)."""
        scores = self.components.scores(np.asarray(embeddings, dtype=np.float64))
        return self.mean + scores @ self._coefficients(penalty)

    def _coefficients(self, penalty: float) -> np.ndarray:
        """(k, m); none for a component along which the training spots do not differ, even without a penalty."""
        shrunk, least = self.strength + penalty, np.finfo(float).eps * self.strength.max()
        return np.divide(
            self.alignment,
            shrunk[:, None],
            out=np.zeros_like(self.alignment),
            where=(shrunk > least)[:, None],
        )

    def parameter_count(self) -> ParameterCount:
        arrays = (*self.components, self.alignment, self.mean)  # a coefficient for each alignment
        learned = sum(array.size for array in arrays)
        return ParameterCount(learned, learned)


class ComponentRidge:
    """Ridge regression from the first principal components of embeddings to every gene."""

    def __init__(self, components: int):
        self.components = components

    def fit(self, train: Sequence[TrainingSlide]) -> ComponentRidge:
        genes = np.concatenate([slide.expression for slide in train]).astype(np.float64)
        self.lines = _Lines.fit(train, genes, self.components)
        return self

    def predict(self, embeddings: np.ndarray, penalty: float) -> np.ndarray:
        """(n, G) float64 from (n, d)."""
        return self.lines.predict(embeddings, penalty)

    def parameter_count(self) -> ParameterCount:
        return self.lines.parameter_count()


class DepthRidge:
    """One number per spot, given to every gene on a line.

    Ridge predicts log(1 + total); each gene is a least-squares line in the training spots' log(1 + total).
    Totals and genes are centred within each training slide before both fits, so that differences between slides
    do not pass for differences between spots; the training mean is added back.
    """

    def __init__(self, components: int):
        self.components = components

    def fit(self, train: Sequence[TrainingSlide]) -> DepthRidge:
        depth = np.concatenate([_centred(np.log1p(slide.totals)) for slide in train])
        genes = np.concatenate([_centred(slide.expression) for slide in train])
        self.lines = _Lines.fit(train, depth[:, None], self.components)
        self.slope = depth @ genes / max(float(depth @ depth), np.finfo(float).tiny)
        self.mean = np.concatenate([slide.expression for slide in train]).mean(axis=0, dtype=np.float64)
        return self

    def predict(self, embeddings: np.ndarray, penalty: float) -> np.ndarray:
        """(n, G) float64 from (n, d)."""
        return self.mean + self.lines.predict(embeddings, penalty) * self.slope

    def parameter_count(self) -> ParameterCount:
        learned = self.lines.parameter_count().trainable + self.slope.size + self.mean.size
        return ParameterCount(learned, learned)


def _centred(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values, dtype=np.float64)
    return values - values.mean(axis=0)
