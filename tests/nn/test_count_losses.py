"""Count likelihoods against scipy's negative binomial."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from stbench.nn.count_losses import (
    CountDistribution,
    CountHeads,
    negative_binomial,
    zero_inflated_negative_binomial,
)

COUNTS = torch.tensor([[0.0, 1.0, 7.0], [3.0, 0.0, 120.0]], dtype=torch.float64)
MEAN = torch.tensor([[0.5, 2.0, 4.0], [3.5, 9.0, 80.0]], dtype=torch.float64)
DISPERSION = torch.tensor([[0.3, 1.0, 5.0], [2.0, 40.0, 0.7]], dtype=torch.float64)
ZERO = torch.tensor([[0.2, 0.5, 0.01], [0.9, 0.3, 0.4]], dtype=torch.float64)


def log_probability(mean: torch.Tensor) -> np.ndarray:
    r, m = DISPERSION.numpy(), mean.numpy()
    return stats.nbinom.logpmf(COUNTS.numpy(), r, r / (r + m))


def test_negative_binomial_is_scipys():
    np.testing.assert_allclose(
        negative_binomial(COUNTS, MEAN, DISPERSION), -log_probability(MEAN), rtol=1e-6, atol=1e-8
    )


def test_zero_inflation_mixes_in_a_point_mass_at_zero():
    size = torch.tensor([0.5, 2.0], dtype=torch.float64)
    p = np.exp(log_probability(MEAN * size[:, None]))
    zero = ZERO.numpy()
    mixture = np.where(COUNTS.numpy() == 0, zero + (1 - zero) * p, (1 - zero) * p)
    found = zero_inflated_negative_binomial(COUNTS, size, CountDistribution(MEAN, DISPERSION, ZERO))
    assert found.item() == pytest.approx(-np.log(mixture).mean(), rel=1e-6)


def test_without_extra_zeros_it_is_the_negative_binomial():
    nothing = CountDistribution(MEAN, DISPERSION, torch.zeros_like(ZERO))
    found = zero_inflated_negative_binomial(COUNTS, torch.ones(2, dtype=torch.float64), nothing)
    assert found.item() == pytest.approx(-log_probability(MEAN).mean(), rel=1e-6)


@pytest.mark.parametrize("level", [-1e4, 0.0, 1e4])
def test_the_heads_stay_within_bounds_and_the_loss_finite(level):
    heads = CountHeads(4, 3)
    torch.nn.init.constant_(heads.mean.bias, level)
    torch.nn.init.constant_(heads.dispersion.bias, level)
    torch.nn.init.constant_(heads.zero.bias, level)
    distribution = heads(torch.zeros(2, 4))
    for size in (torch.ones(2), torch.zeros(2)):  # a spot without counts has size factor 0
        loss = zero_inflated_negative_binomial(COUNTS.float(), size, distribution)
        loss.backward(retain_graph=True)
        assert torch.isfinite(loss)
        assert all(torch.isfinite(p.grad).all() for p in heads.parameters() if p.grad is not None)
    assert distribution.mean.min() >= 1e-5 and distribution.dispersion.max() <= 1e4
