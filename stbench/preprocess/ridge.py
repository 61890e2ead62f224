"""Linear models on the principal components of embeddings: what the ridge, smooth and depth floors share.

Both models are exact and closed-form, hence repeatable. They see TrainingSlides and predict from embeddings.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline, make_pipeline

from stbench.contract import ParameterCount
from stbench.slide import TrainingSlide


class ComponentRidge:
    """Ridge regression from the first principal components of embeddings to every gene."""

    def __init__(self, components: int, penalty: float):
        self.components = components
        self.penalty = penalty

    def fit(self, train: Sequence[TrainingSlide]) -> ComponentRidge:
        self.model = _fit(
            _stacked_embeddings(train),
            np.concatenate([slide.expression for slide in train]),
            self.components,
            self.penalty,
        )
        return self

    def predict(self, embeddings: np.ndarray) -> np.ndarray:
        """(n, G) float64 from (n, d)."""
        return self.model.predict(np.asarray(embeddings, dtype=np.float64)).reshape(len(embeddings), -1)

    def parameter_count(self) -> ParameterCount:
        return _count(self.model)


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
        self.model = _fit(_stacked_embeddings(train), depth[:, None], self.components, self.penalty)
        self.slope = depth @ genes / max(float(depth @ depth), np.finfo(float).tiny)
        self.mean = np.concatenate([slide.expression for slide in train]).mean(axis=0, dtype=np.float64)
        return self

    def predict(self, embeddings: np.ndarray) -> np.ndarray:
        """(n, G) float64 from (n, d)."""
        depth = self.model.predict(np.asarray(embeddings, dtype=np.float64)).reshape(-1, 1)
        return self.mean + depth * self.slope

    def parameter_count(self) -> ParameterCount:
        learned = _count(self.model).trainable + self.slope.size + self.mean.size
        return ParameterCount(learned, learned)


def _fit(embeddings: np.ndarray, targets: np.ndarray, components: int, penalty: float) -> Pipeline:
    kept = min(components, *embeddings.shape)
    model = make_pipeline(PCA(kept, svd_solver="covariance_eigh"), Ridge(alpha=penalty))
    return model.fit(embeddings, np.asarray(targets, dtype=np.float64))


def _stacked_embeddings(train: Sequence[TrainingSlide]) -> np.ndarray:
    return np.concatenate([slide.embeddings for slide in train]).astype(np.float64)


def _centred(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values, dtype=np.float64)
    return values - values.mean(axis=0)


def _count(model: Pipeline) -> ParameterCount:
    components, ridge = model[0], model[1]
    learned = components.components_.size + components.mean_.size + ridge.coef_.size + np.size(ridge.intercept_)
    return ParameterCount(int(learned), int(learned))
