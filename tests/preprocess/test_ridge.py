"""The linear models behind the floors against plain numpy."""

from __future__ import annotations

import numpy as np
import pytest

from stbench.preprocess.ridge import ComponentRidge, DepthRidge, principal_components
from stbench.slide import TrainingSlide


def _slides(sizes: tuple[int, ...], width: int, n_genes: int = 4) -> list[TrainingSlide]:
    rng = np.random.default_rng(0)
    weights, slides = rng.normal(0, 1, (width, n_genes)), []
    for i, n in enumerate(sizes):
        embeddings = (rng.normal(0, 1, (n, width)) * np.linspace(3, 0.1, width)).astype(np.float32)
        totals = np.round(np.exp(7 + 0.2 * embeddings[:, 0] + rng.normal(0, 0.1, n) + i))
        slides.append(
            TrainingSlide(
                id=f"S{i}", group=f"S{i}", platform="ST", pixel_xy=np.zeros((n, 2)), array_row_column=np.zeros((n, 2)),
                expression=(embeddings @ weights + rng.normal(0, 0.5, (n, n_genes)) + 2 * i).astype(np.float32),
                panel_counts=np.zeros((n, n_genes)), totals=totals, size_factors=totals, embeddings=embeddings,
            )
        )  # fmt: skip
    return slides


@pytest.mark.parametrize(("sizes", "width"), [((30, 25), 12), ((20, 18), 90), ((4, 3), 50)])
def test_components_are_those_of_the_singular_value_decomposition(sizes, width):
    embeddings = np.concatenate([slide.embeddings for slide in _slides(sizes, width)]).astype(np.float64)
    found = principal_components(embeddings, 6)
    _, _, exact = np.linalg.svd(embeddings - embeddings.mean(axis=0), full_matrices=False)
    agreement = np.abs((found.axes * exact[: len(found.axes)]).sum(axis=1))
    np.testing.assert_allclose(agreement, 1, atol=1e-9)
    again = principal_components(embeddings, 6)
    np.testing.assert_array_equal(found.axes, again.axes)


def test_more_components_than_spots_give_as_many_as_there_are():
    embeddings = np.random.default_rng(0).normal(0, 1, (5, 40))
    assert principal_components(embeddings, 64).axes.shape == (5, 40)


def _projected(embeddings: np.ndarray, query: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Both in the first `n` principal components of `embeddings`."""
    centre = embeddings.mean(axis=0)
    _, _, axes = np.linalg.svd(embeddings - centre, full_matrices=False)
    return (embeddings - centre) @ axes[:n].T, (query - centre) @ axes[:n].T


def _ridge(features: np.ndarray, targets: np.ndarray, penalty: float) -> np.ndarray:
    """Coefficients of the normal equations on centred features and targets."""
    gram = features.T @ features + penalty * np.eye(features.shape[1])
    return np.linalg.solve(gram, features.T @ (targets - targets.mean(axis=0)))


@pytest.mark.parametrize("penalty", [1.0, 100.0])
def test_the_component_ridge_solves_the_normal_equations(penalty):
    slides = _slides((40, 35), 20)
    query = np.random.default_rng(5).normal(0, 1, (9, 20))
    embeddings = np.concatenate([slide.embeddings for slide in slides]).astype(float)
    genes = np.concatenate([slide.expression for slide in slides]).astype(float)
    known, asked = _projected(embeddings, query, 8)
    expected = genes.mean(0) + asked @ _ridge(known, genes, penalty)
    np.testing.assert_allclose(ComponentRidge(8).fit(slides).predict(query, penalty), expected, atol=1e-8)


def test_the_depth_ridge_gives_one_number_to_every_gene_on_its_line():
    slides = _slides((40, 35, 20), 20)
    query = np.random.default_rng(5).normal(0, 1, (9, 20))
    embeddings = np.concatenate([slide.embeddings for slide in slides]).astype(float)
    depth = np.concatenate([np.log(1 + s.totals) - np.log(1 + s.totals).mean() for s in slides])
    centred = np.concatenate([s.expression - s.expression.mean(0, dtype=float) for s in slides])
    known, asked = _projected(embeddings, query, 8)
    number = asked @ _ridge(known, depth, 100.0)
    slopes = [np.linalg.lstsq(depth[:, None], centred[:, gene])[0][0] for gene in range(4)]
    mean = np.concatenate([s.expression for s in slides]).mean(0, dtype=float)
    expected = mean + number[:, None] * np.array(slopes)
    np.testing.assert_allclose(DepthRidge(8).fit(slides).predict(query, 100.0), expected, atol=1e-6)


def test_differences_between_slides_alone_do_not_pass_for_depth():
    slides = _slides((30, 30), 6)
    flat = [
        TrainingSlide(**{**vars(s), "totals": np.full(30, t), "expression": np.full((30, 4), t, np.float32)})
        for s, t in zip(slides, (100.0, 5_000.0), strict=True)
    ]
    predicted = DepthRidge(4).fit(flat).predict(slides[0].embeddings, 1.0)
    np.testing.assert_allclose(predicted, np.full((30, 4), 2_550.0))
