"""Gram matrices of slides: they add up to what all their spots give, and what lies in the cache is whole."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from stbench.preprocess.cache import array_path
from stbench.preprocess.gram import cached_gram, gram_of, joint_moments
from stbench.preprocess.ridge import ComponentRidge, DepthRidge
from stbench.slide import TrainingSlide

WIDTH = 12


def _slide(number: int, n_spots: int) -> TrainingSlide:
    """Embeddings as an encoder gives them: not negative, with means as large as their spread."""
    rng = np.random.default_rng(number)
    embeddings = np.maximum(rng.normal(0.5, 0.7, (n_spots, WIDTH)), 0).astype(np.float32)
    expression = (embeddings @ np.ones((WIDTH, 3)) + rng.normal(0, 1, (n_spots, 3))).astype(np.float32)
    totals, places = rng.integers(500, 5_000, n_spots), np.zeros((n_spots, 2))
    return TrainingSlide(
        f"S{number}", f"S{number}", "ST", places, places, expression, expression, totals, totals, None, embeddings
    )  # fmt: skip


def _with_gram(slide: TrainingSlide) -> TrainingSlide:
    return dataclasses.replace(slide, gram=gram_of(slide.embeddings))


def test_grams_of_slides_add_up_to_the_moments_of_all_spots():
    parts = [_slide(1, 30).embeddings, _slide(2, 7).embeddings, _slide(3, 1).embeddings]
    found = joint_moments([gram_of(part) for part in parts], WIDTH)
    whole = np.concatenate(parts, dtype=np.float64)
    exact = np.cov(whole.T, bias=True) * len(whole)
    assert found.n_spots == 38
    np.testing.assert_allclose(found.centre, whole.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(np.tril(found.scatter), np.tril(exact), rtol=1e-10, atol=1e-10)


def test_a_gram_is_not_changed_by_adding_another():
    first, second = gram_of(_slide(1, 30).embeddings), gram_of(_slide(2, 7).embeddings)
    before = first.copy()
    joint_moments([first, second], WIDTH)
    np.testing.assert_array_equal(first, before)


@pytest.mark.parametrize("model", [ComponentRidge, DepthRidge])
@pytest.mark.parametrize("sizes", [(30, 25), (5, 4)])  # more spots than features, and fewer
def test_predictions_are_the_same_with_and_without(model, sizes):
    slides = [_slide(i, n) for i, n in enumerate(sizes)]
    query = _slide(9, 11).embeddings
    without = model(6).fit(slides).predict(query, 10.0)
    every, some = [_with_gram(slide) for slide in slides], [_with_gram(slides[0]), slides[1]]
    np.testing.assert_allclose(model(6).fit(every).predict(query, 10.0), without, atol=1e-10)
    np.testing.assert_array_equal(model(6).fit(some).predict(query, 10.0), without)


def test_all_components_can_be_asked_for():
    slide = _slide(1, 30)
    fitted = ComponentRidge(64).fit([_with_gram(slide)])
    assert fitted.lines.components.axes.shape == (WIDTH, WIDTH)


def test_a_cut_gram_is_made_again(cache):
    embeddings = _slide(1, 30).embeddings
    path = cache / "products"
    first = np.array(cached_gram(embeddings))
    (file,) = path.glob("*.npy")
    file.write_bytes(file.read_bytes()[:-8])
    with pytest.warns(UserWarning, match="is damaged; it is made again"):
        again = cached_gram(embeddings)
    np.testing.assert_array_equal(again, first)


def test_other_spots_are_another_product(cache):
    embeddings = _slide(1, 30).embeddings
    cached_gram(embeddings)
    cached_gram(embeddings[1:])
    assert len(list(array_path("products", {}).parent.glob("*.npy"))) == 2
