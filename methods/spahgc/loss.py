"""The terms of the training loss, each vectorised over spots and genes."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def contrastive_loss(first: Tensor, second: Tensor) -> Tensor:
    """Mean over nodes of 2 - 2 cos between a node's embeddings in the two views, (n, h) each."""
    return (2 - 2 * F.cosine_similarity(first, second, dim=1)).mean()
