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
    torch.testing.assert_close(found, torch.tensor(expected))


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


@pytest.mark.parametrize("loss", [lambda e, v: soft_target_losses(e, v).mean(), one_to_one_loss])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_under_autocast_losses_and_gradients_are_those_of_full_precision(loss, dtype):
    """Similarities near 256 would move in steps of 1 to 2; a bfloat16 gradient has eight binary digits."""
    plain, under = nearly_parallel(), nearly_parallel()
    expected = loss(*plain)
    with torch.autocast("cpu", torch.bfloat16):
        found = loss(*(embeddings.to(dtype) for embeddings in under))
    for value in (expected, found):
        value.backward()
    torch.testing.assert_close(found, expected)
    tolerance = {"rtol": 2**-8, "atol": 1e-9} if dtype == torch.bfloat16 else {"rtol": 1e-5, "atol": 1e-8}
    for one, other in zip(under, plain, strict=True):
        torch.testing.assert_close(one.grad, other.grad, **tolerance)


def nearly_parallel(n: int = 32) -> list[torch.Tensor]:
    """Two sets of `n` embeddings of norm 16 that bfloat16 holds exactly, with a mean cosine near 0.99."""
    random = torch.Generator().manual_seed(0)
    vectors = torch.randn(256, generator=random) + 0.1 * torch.randn(2, n, 256, generator=random)
    embeddings = (16 * torch.nn.functional.normalize(vectors, dim=-1)).bfloat16().float()
    assert torch.cosine_similarity(*embeddings).mean().item() == pytest.approx(0.99, abs=0.003)
    return [part.clone().requires_grad_() for part in embeddings]


def test_the_head_normalises_what_it_refines():
    torch.manual_seed(0)
    head = ProjectionHead(10, 256)
    embeddings = head(torch.randn(5, 10))
    assert embeddings.shape == (5, 256)
    torch.testing.assert_close(embeddings.norm(dim=1), torch.full((5,), 16.0), rtol=1e-3, atol=0)
    assert sum(p.numel() for p in ProjectionHead(785).parameters()) == 267_520
