"""Alignment losses against plain loops and their limits."""

from __future__ import annotations

import math

import pytest
import torch

from stbench.nn.contrastive_losses import one_to_one_loss, soft_target_losses
from stbench.nn.projection import ProjectionHead

B = 6


def pair() -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(0)
    return torch.randn(B, 4, generator=random), torch.randn(B, 4, generator=random)


@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_soft_targets_by_a_plain_loop(temperature):
    e, v = (x.double() for x in pair())
    similarity = lambda a, b, i, j: float(a[i] @ b[j])  # noqa: E731
    logits = [[similarity(e, v, i, j) / temperature for j in range(B)] for i in range(B)]
    mixed = [
        [(similarity(v, v, i, j) + similarity(e, e, i, j)) / (2 * temperature) for j in range(B)]
        for i in range(B)
    ]
    total = [sum(math.exp(x) for x in row) for row in mixed]
    targets = [[math.exp(mixed[i][j]) / total[i] for j in range(B)] for i in range(B)]

    def log_softmax(row: list[float], j: int) -> float:
        return row[j] - math.log(sum(math.exp(x) for x in row))

    expected = []
    for i in range(B):
        column = [logits[k][i] for k in range(B)]
        of_expression = -sum(targets[i][j] * log_softmax(logits[i], j) for j in range(B))
        of_image = -sum(targets[j][i] * log_softmax(column, j) for j in range(B))
        expected.append((of_expression + of_image) / 2)
    found = soft_target_losses(e, v, temperature)
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64))


def test_gradients_flow_through_the_targets():
    e, v = pair()
    e.requires_grad_()
    soft_target_losses(e, v).mean().backward()
    with_targets = e.grad.clone()
    fixed = ((v @ v.T + e.detach() @ e.detach().T) / 2).softmax(1)
    e.grad = None
    logits = e @ v.T
    terms = (fixed * logits.log_softmax(1)).sum(1) + (fixed.T * logits.T.log_softmax(1)).sum(1)
    (-terms / 2).mean().backward()
    assert not torch.allclose(with_targets, e.grad, atol=1e-3)


@pytest.mark.parametrize("loss", [lambda e, v: soft_target_losses(e, v).mean(), one_to_one_loss])
def test_equal_embeddings_give_log_b_and_orthogonal_pairs_nothing(loss):
    equal = torch.ones(B, 4)
    assert loss(equal, equal).item() == pytest.approx(math.log(B), abs=1e-4)
    apart = 20 * torch.eye(B)
    assert loss(apart, apart).item() == pytest.approx(0, abs=1e-4)


def test_the_head_normalises_what_it_refines():
    torch.manual_seed(0)
    head = ProjectionHead(10, 256)
    embeddings = head(torch.randn(5, 10))
    assert embeddings.shape == (5, 256)
    torch.testing.assert_close(embeddings.norm(dim=1), torch.full((5,), 16.0), rtol=1e-3, atol=0)
    assert sum(p.numel() for p in ProjectionHead(785).parameters()) == 267_520
