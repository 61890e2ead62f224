"""Every penalty of the linear floors on one fit, against scikit-learn's own PCA and Ridge."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge
from swept import assert_swept_as_fitted

from stbench import registry
from stbench.slide import QuerySlide, TrainingSlide

PENALTIES = (1.0, 100.0, 1e3, 1e4, 1e5)
WIDTH, N_GENES = 120, 6
# Spots of the training slides: fewer than features, as many, more.
SIZES = {"fewer": (40, 35), "as many": (70, 50), "more": (150, 130)}


def _slide(i: int, n: int) -> TrainingSlide:
    """Embeddings off centre, some directions far stronger than others; totals and genes follow some of them."""
    rng, weights = np.random.default_rng(i), np.random.default_rng(99).normal(0, 0.3, (WIDTH, N_GENES))
    embeddings = (5 + i + rng.normal(0, 1, (n, WIDTH)) * np.geomspace(30, 0.01, WIDTH)).astype(np.float32)
    places = np.stack(np.divmod(np.arange(n), 9), axis=1)
    return TrainingSlide(
        id=f"S{i}", group=f"S{i}", platform="ST", pixel_xy=places * 100.0, array_row_column=places,
        expression=(embeddings @ weights + rng.normal(0, 0.5, (n, N_GENES))).astype(np.float32),
        panel_counts=np.ones((n, N_GENES)), totals=np.round(np.exp(7 + 0.02 * embeddings[:, 3].astype(float))),
        size_factors=np.ones(n), embeddings=embeddings,
    )  # fmt: skip


def _query() -> QuerySlide:
    slide = _slide(7, 30)
    return QuerySlide("query-0", "ST", slide.pixel_xy, slide.array_row_column, embeddings=slide.embeddings)


def _by_sklearn(train: list[TrainingSlide], targets: np.ndarray, penalty: float) -> np.ndarray:
    embeddings = np.concatenate([slide.embeddings for slide in train]).astype(float)
    pca = PCA(64, svd_solver="full").fit(embeddings)
    model = Ridge(penalty).fit(pca.transform(embeddings), targets)
    return model.predict(pca.transform(_query().embeddings.astype(float)))


def _ridge_by_sklearn(train: list[TrainingSlide], penalty: float) -> np.ndarray:
    return _by_sklearn(train, np.concatenate([slide.expression for slide in train]).astype(float), penalty)


def _depth_by_sklearn(train: list[TrainingSlide], penalty: float) -> np.ndarray:
    logs = [np.log(1 + slide.totals) for slide in train]
    depth = np.concatenate([log - log.mean() for log in logs])
    genes = np.concatenate([s.expression - s.expression.mean(axis=0, dtype=float) for s in train])
    slopes = [np.linalg.lstsq(depth[:, None], gene)[0][0] for gene in genes.T]
    mean = np.concatenate([slide.expression for slide in train]).mean(axis=0, dtype=float)
    return mean + np.outer(_by_sklearn(train, depth, penalty), slopes)


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize(("name", "expected"), [("ridge", _ridge_by_sklearn), ("depth", _depth_by_sklearn)])
def test_one_fit_gives_what_sklearn_gives_at_every_penalty(name, expected, sizes):
    train = [_slide(i, n) for i, n in enumerate(sizes)]
    method = registry.load_method(name)()
    method.fit(train)
    for penalty in PENALTIES:
        found = method.with_settings(penalty=penalty).predict(_query())
        np.testing.assert_allclose(found, expected(train, penalty), rtol=1e-6)


@pytest.mark.parametrize("name", ["ridge", "smooth", "depth", "depth-smooth"])
def test_a_penalty_tried_afterwards_is_a_fit_with_it(name):
    train = [_slide(i, n) for i, n in enumerate(SIZES["more"])]
    assert registry.method_card(name).at_prediction == ("penalty",)
    assert_swept_as_fitted(registry.load_method(name)(), train, _query(), "penalty", PENALTIES)


def test_without_a_penalty_a_direction_without_spread_is_left_out():
    train, query = [_slide(0, 200)], _query()
    train[0].embeddings[:, 40:] = 2.0
    method = registry.load_method("ridge")()
    method.fit(train)
    known = train[0].embeddings[:, :40].astype(float)
    design = np.column_stack([known, np.ones(len(known))])
    lines = np.linalg.lstsq(design, train[0].expression.astype(float))[0]
    expected = np.column_stack([query.embeddings[:, :40].astype(float), np.ones(query.n_spots)]) @ lines
    np.testing.assert_allclose(method.with_settings(penalty=0.0).predict(query), expected, rtol=1e-4)
