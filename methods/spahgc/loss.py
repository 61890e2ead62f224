"""The terms of the training loss, each vectorised over spots and genes."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

# Sums of squares below this are those of a constant: its correlation counts as 0 and passes no gradient on.
_CONSTANT = 1e-12


def correlation_loss(prediction: Tensor, truth: Tensor) -> Tensor:
    """1 - mean over genes of Pearson's correlation across spots; prediction and truth (n, G).

    A gene that is constant in either has correlation 0, as in the evaluation.
    """
    p = prediction - prediction.mean(0)
    t = truth - truth.mean(0)
    p_squares, t_squares = p.square().sum(0), t.square().sum(0)  # (G,)
    scale = p_squares.clamp_min(_CONSTANT).rsqrt() * t_squares.clamp_min(_CONSTANT).rsqrt()
    varies = (p_squares > _CONSTANT) & (t_squares > _CONSTANT)
    return 1 - ((p * t).sum(0) * scale * varies).mean()


def contrastive_loss(first: Tensor, second: Tensor) -> Tensor:
    """Mean over nodes of 2 - 2 cos between a node's embeddings in the two views, (n, h) each."""
    return (2 - 2 * F.cosine_similarity(first, second, dim=1)).mean()
