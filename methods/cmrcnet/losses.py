"""The two losses, each compressed by ln(1 + x)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from stbench.nn.contrastive_losses import soft_target_losses


def alignment_loss(expression: Tensor, image: Tensor, temperature: float = 1.0) -> Tensor:
    """Mean over spots of ln(1 + l) with l the smoothed contrastive loss of the spot; embeddings (B, width)."""
    return soft_target_losses(expression, image, temperature).log1p().mean()


def reconstruction_loss(rebuilt: Tensor, image: Tensor, detach_target: bool = False) -> Tensor:
    """ln(1 + mean squared error) between rebuilt and actual image embeddings, (B, width) each.

    The gradient reaches both, unless the target is detached.
    """
    return F.mse_loss(rebuilt, image.detach() if detach_target else image).log1p()
