"""Gene-gene structure against two correlation matrices compared pair by pair."""

from __future__ import annotations

import numpy as np
import pytest

from stbench.metrics.correlation import unit_prediction, unit_truth
from stbench.metrics.structure import AveragedStructure, GeneStructure


def _modules(seed: int, n_spots: int = 80, n_genes: int = 12) -> np.ndarray:
    """Genes in three modules that rise and fall together."""
    rng = np.random.default_rng(seed)
    return np.repeat(rng.normal(size=(n_spots, 3)), n_genes // 3, axis=1) + rng.normal(
        size=(n_spots, n_genes)
    )


def _score(truth: np.ndarray, prediction: np.ndarray) -> float:
    unit = unit_prediction(prediction, np.full(prediction.shape[1], 1e-9))
    return GeneStructure(unit_truth(truth)).score(unit.T @ unit)


def test_equals_the_correlation_of_two_upper_triangles() -> None:
    truth, prediction = _modules(0), _modules(1)
    pairs = np.triu_indices(12, k=1)
    expected = np.corrcoef(np.corrcoef(truth.T)[pairs], np.corrcoef(prediction.T)[pairs])[0, 1]
    assert _score(truth, prediction) == pytest.approx(expected) and expected > 0.5


def test_perfect_constant_and_identical_predictions() -> None:
    truth = _modules(0)
    assert _score(truth, truth) == pytest.approx(1.0)
    assert _score(truth, np.full_like(truth, 8.3)) == 0.0
    assert _score(truth, np.repeat(truth[:, :1], 12, axis=1)) == 0.0  # every pair of genes correlates 1


def test_a_gene_constant_in_the_truth_is_left_out() -> None:
    truth, prediction = _modules(0), _modules(1)
    truth[:, 4] = 8.3
    kept = np.arange(12) != 4
    assert _score(truth, prediction) == pytest.approx(_score(truth[:, kept], prediction[:, kept]))


def test_a_gene_constant_in_the_prediction_correlates_zero_with_all_others() -> None:
    truth, prediction = _modules(0), _modules(1)
    prediction[:, 4] = 8.3
    matrix = np.corrcoef(np.delete(prediction, 4, axis=1).T)
    matrix = np.insert(np.insert(matrix, 4, 0.0, axis=0), 4, 0.0, axis=1)
    pairs = np.triu_indices(12, k=1)
    expected = np.corrcoef(np.corrcoef(truth.T)[pairs], matrix[pairs])[0, 1]
    assert _score(truth, prediction) == pytest.approx(expected)


def test_many_draws_score_the_mean_of_their_scores() -> None:
    draws = [_modules(seed) for seed in range(6)]
    draws[2][:, 4] = draws[5][:, 7] = 8.3  # genes that do not vary in that draw
    draws[3][:] = 1.0  # no structure at all
    prediction = _modules(7)
    unit = unit_prediction(prediction, np.full(12, 1e-9))
    found = AveragedStructure(map(unit_truth, draws)).score(unit.T @ unit)
    each = [_score(draw, prediction) for draw in draws]
    assert np.isnan(each[3]) and found == pytest.approx(np.nanmean(each))
    assert np.isnan(AveragedStructure([unit_truth(draws[3])]).score(unit.T @ unit))


@pytest.mark.parametrize("shape", [(0, 12), (2, 12), (30, 2), (30, 0)])
def test_undefined_with_too_few_spots_or_genes(shape: tuple[int, int]) -> None:
    values = np.random.default_rng(0).normal(size=shape)
    assert np.isnan(_score(values, values))
