"""Retrieval against a plain loop, and what it must do at the edges."""

from __future__ import annotations

import numpy as np
import pytest

from stbench.nn.reference_bank import ReferenceBank


@pytest.fixture
def bank() -> ReferenceBank:
    random = np.random.default_rng(0)
    return ReferenceBank(
        random.standard_normal((30, 8)).astype(np.float32), random.gamma(2, size=(30, 5)).astype(np.float32)
    )


def nearest(bank: ReferenceBank, query: np.ndarray, k: int) -> np.ndarray:
    cosine = (bank.embeddings @ query) / np.linalg.norm(bank.embeddings, axis=1) / np.linalg.norm(query)
    return np.argsort(-cosine)[:k]


def test_the_mean_of_the_nearest_by_a_loop(bank):
    queries = np.random.default_rng(1).standard_normal((4, 8)).astype(np.float32)
    expected = [bank.profiles[nearest(bank, query, 7)].mean(axis=0) for query in queries]
    np.testing.assert_allclose(bank.mean_of_nearest(queries, 7), expected, rtol=1e-5)


@pytest.mark.parametrize("order", [1, 2])
def test_inverse_square_weights_by_a_loop(bank, order):
    queries = np.random.default_rng(1).standard_normal((4, 8)).astype(np.float32)
    expected = []
    for query in queries:
        rows = nearest(bank, query, 7)
        difference = bank.embeddings[rows] - query
        distance = np.abs(difference).sum(1) if order == 1 else np.sqrt((difference**2).sum(1))
        expected.append((distance**-2.0) @ bank.profiles[rows] / (distance**-2.0).sum())
    np.testing.assert_allclose(bank.inverse_square_mean(queries, 7, order), expected, rtol=1e-4)


def test_weights_are_a_mixture(bank):
    weights = bank.inverse_square_weights(bank.embeddings[:3], np.tile(np.arange(30), (3, 1)), 2)
    assert (weights >= 0).all()
    np.testing.assert_allclose(weights.sum(axis=1), 1)


def test_a_query_that_lies_on_a_bank_spot_gets_its_profile(bank):
    np.testing.assert_allclose(
        bank.inverse_square_mean(bank.embeddings[3:4], 10), bank.profiles[3:4], rtol=1e-6
    )


def test_fewer_spots_than_k_and_one_query(bank):
    few = ReferenceBank(bank.embeddings[:2], bank.profiles[:2])
    for predicted in (
        few.mean_of_nearest(bank.embeddings[5:6], 50),
        few.inverse_square_mean(bank.embeddings[5:6], 50),
    ):
        assert predicted.shape == (1, 5)
        assert (predicted >= few.profiles.min(0)).all() and (predicted <= few.profiles.max(0)).all()
    np.testing.assert_array_equal(bank.mean_of_nearest(bank.embeddings[5:6], 1), bank.profiles[5:6])
