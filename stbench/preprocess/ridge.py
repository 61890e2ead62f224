"""Linear models on the principal components of embeddings: what the ridge, smooth and depth floors share.

Both models are exact and closed-form, hence repeatable. They see TrainingSlides and predict from embeddings.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge

from stbench.contract import ParameterCount
from stbench.slide import TrainingSlide


def principal_components(embeddings: np.ndarray, components: int) -> PCA:
    """The first principal components of (n_spots, d), fewer where spots are few.

    Every solver is exact and repeatable; with fewer spots than features Lanczos iterations are several times
    faster than the eigenvectors of the (d, d) covariance, but they cannot give all components.
    """
    n_spots, width = embeddings.shape
    found = min(components, n_spots, width)
    solver = "covariance_eigh" if n_spots >= width else "arpack" if found < n_spots else "full"
    return PCA(found, svd_solver=solver, random_state=0).fit(embeddings)


class _Line(NamedTuple):
    """Principal components and the ridge that stands on them."""

    components: PCA
    ridge: Ridge

    @classmethod
    def fit(
        cls, train: Sequence[TrainingSlide], targets: np.ndarray, components: int, penalty: float
    ) -> _Line:
        embeddings = np.concatenate([slide.embeddings for slide in train]).astype(np.float64)
        projection = principal_components(embeddings, components)
        return cls(projection, Ridge(alpha=penalty).fit(projection.transform(embeddings), targets))

    def predict(self, embeddings: np.ndarray) -> np.ndarray:
        values = self.ridge.predict(self.components.transform(np.asarray(embeddings, dtype=np.float64)))
        return np.asarray(values).reshape(len(embeddings), -1)

    def parameter_count(self) -> ParameterCount:
        arrays = (self.components.components_, self.components.mean_, self.ridge.coef_, self.ridge.intercept_)
        learned = int(sum(np.asarray(array).size for array in arrays))
        return ParameterCount(learned, learned)


class ComponentRidge:
    """Ridge regression from the first principal components of embeddings to every gene."""

    def __init__(self, components: int, penalty: float):
        self.components = components
        self.penalty = penalty

    def fit(self, train: Sequence[TrainingSlide]) -> ComponentRidge:
        genes = np.concatenate([slide.expression for slide in train]).astype(np.float64)
        self.model = _Line.fit(train, genes, self.components, self.penalty)
        return self

    def predict(self, embeddings: np.ndarray) -> np.ndarray:
        """(n, G) float64 from (n, d)."""
        return self.model.predict(embeddings)

    def parameter_count(self) -> ParameterCount:
        return self.model.parameter_count()


class DepthRidge:
    """One number per spot, given to every gene on a line.

    Ridge predicts log(1 + total); each gene is a least-squares line in the training spots' log(1 + total).
    Totals and genes are centred within each training slide before both fits, so that differences between slides
    do not pass for differences between spots; the training mean is added back.
    """

    def __init__(self, components: int, penalty: float):
        self.components = components
        self.penalty = penalty

    def fit(self, train: Sequence[TrainingSlide]) -> DepthRidge:
        depth = np.concatenate([_centred(np.log1p(slide.totals)) for slide in train])
        genes = np.concatenate([_centred(slide.expression) for slide in train])
        self.model = _Line.fit(train, depth[:, None], self.components, self.penalty)
        self.slope = depth @ genes / max(float(depth @ depth), np.finfo(float).tiny)
        self.mean = np.concatenate([slide.expression for slide in train]).mean(axis=0, dtype=np.float64)
        return self

    def predict(self, embeddings: np.ndarray) -> np.ndarray:
        """(n, G) float64 from (n, d)."""
        return self.mean + self.model.predict(embeddings) * self.slope

    def parameter_count(self) -> ParameterCount:
        learned = self.model.parameter_count().trainable + self.slope.size + self.mean.size
        return ParameterCount(learned, learned)


def _centred(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values, dtype=np.float64)
    return values - values.mean(axis=0)
