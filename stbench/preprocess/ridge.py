"""Linear models on the principal components of embeddings: what the ridge, smooth and depth floors share.

Both models are exact and closed-form, hence repeatable. They see TrainingSlides and predict from embeddings. One fit
serves every penalty: a penalty only says how far each component's coefficients shrink, so it is given to `predict`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy import linalg
from sklearn.decomposition import PCA

from stbench.contract import ParameterCount
from stbench.preprocess.gram import Moments, joint_moments
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
        centre = embeddings.mean(axis=0)
        scatter = embeddings.T @ embeddings - n_spots * np.outer(centre, centre)
        return _leading_eigenvectors(Moments(n_spots, centre, scatter), found)
    solver = "arpack" if found < n_spots else "full"
    pca = PCA(found, svd_solver=solver, random_state=0).fit(embeddings)
    return Components(np.ascontiguousarray(pca.components_), np.asarray(pca.mean_))


def components_of_slides(train: Sequence[TrainingSlide], embeddings: np.ndarray, found: int) -> Components:
    """The principal components of the slides' `embeddings` (n_spots, d), from Gram matrices where all bring theirs."""
    grams = [slide.gram for slide in train if slide.gram is not None]
    n_spots, width = embeddings.shape
    if n_spots < width or len(grams) < len(train):
        return principal_components(embeddings, found)
    return _leading_eigenvectors(joint_moments(grams, width), min(found, width))


def _leading_eigenvectors(moments: Moments, found: int) -> Components:
    """Those of the covariance alone that are asked for: finding all would take longer than all the rest of a fit."""
    width = len(moments.centre)
    _, vectors = linalg.eigh(moments.scatter, subset_by_index=(width - found, width - 1), overwrite_a=True)
    # In memory as they are kept in a file: a product of the same numbers laid out otherwise may round otherwise.
    return Components(np.ascontiguousarray(vectors.T[::-1]), moments.centre)


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
        embeddings = np.concatenate([slide.embeddings for slide in train], dtype=np.float64)
        axes = components_of_slides(train, embeddings, components)
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

    def arrays(self) -> dict[str, np.ndarray]:
        """All that `of_arrays` needs, by name."""
        return {**self.components._asdict(), **{name: getattr(self, name) for name in self._fields[1:]}}

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, np.ndarray]) -> _Lines:
        """The lines whose `arrays` these are."""
        components = Components(*(arrays[name] for name in Components._fields))
        return cls(components, *(arrays[name] for name in cls._fields[1:]))

    def parameter_count(self) -> ParameterCount:
        arrays = (*self.components, self.alignment, self.mean)  # a coefficient for each alignment
        learned = sum(array.size for array in arrays)
        return ParameterCount(learned, learned)


class ComponentRidge:
    """Ridge regression from the first principal components of embeddings to every gene."""

    def __init__(self, components: int):
        self.components = components

    def fit(self, train: Sequence[TrainingSlide]) -> ComponentRidge:
        genes = np.concatenate([slide.expression for slide in train], dtype=np.float64)
        self.lines = _Lines.fit(train, genes, self.components)
        return self

    def predict(self, embeddings: np.ndarray, penalty: float) -> np.ndarray:
        """(n, G) float64 from (n, d)."""
        return self.lines.predict(embeddings, penalty)

    def arrays(self) -> dict[str, np.ndarray]:
        """What was learned, by name."""
        return self.lines.arrays()

    def restored(self, arrays: Mapping[str, np.ndarray]) -> ComponentRidge:
        """The model with what it learned as `arrays` gave it."""
        self.lines = _Lines.of_arrays(arrays)
        return self

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

    def arrays(self) -> dict[str, np.ndarray]:
        """What was learned, by name: the line to depth, and how each gene goes with it."""
        lines = {f"depth.{name}": array for name, array in self.lines.arrays().items()}
        return {**lines, "slope": self.slope, "mean": self.mean}

    def restored(self, arrays: Mapping[str, np.ndarray]) -> DepthRidge:
        """The model with what it learned as `arrays` gave it."""
        own = {name.removeprefix("depth."): array for name, array in arrays.items() if "." in name}
        self.lines, self.slope, self.mean = _Lines.of_arrays(own), arrays["slope"], arrays["mean"]
        return self

    def parameter_count(self) -> ParameterCount:
        learned = self.lines.parameter_count().trainable + self.slope.size + self.mean.size
        return ParameterCount(learned, learned)


def _centred(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values, dtype=np.float64)
    return values - values.mean(axis=0)
