"""What a prediction for one slide is judged by in training."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from stbench.nn.correlation_loss import correlation_loss


def slide_loss(prediction: Tensor, truth: Tensor, correlation_weight: float) -> Tensor:
    """Mean squared error + correlation_weight (1 - mean correlation); prediction and truth (n, G)."""
    return F.mse_loss(prediction, truth) + correlation_weight * correlation_loss(prediction, truth)
