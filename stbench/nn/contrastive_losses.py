"""Losses that pull a spot's image embedding and its expression embedding together.

`expression` and `image` are (B, width) embeddings of the same B spots, in one order, not normalised. Similarities are
computed in full precision under autocast too: they reach hundreds, where bfloat16 counts in steps of 1 to 2.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def soft_target_losses(expression: Tensor, image: Tensor, temperature: float = 1.0) -> Tensor:
    """(B,) loss of each spot, with targets softened by similarities within each modality (BLEEP, NeurIPS 2023).

    L = E V^T / t and T = softmax of the rows of (V V^T + E E^T) / 2t; gradients flow through T. The second term
    takes the transposed T as it stands, so that its rows need not sum to 1, as in the published method.
    """
    with torch.autocast(image.device.type, enabled=False):
        expression, image = expression.float(), image.float()
        logits = expression @ image.T / temperature
        targets = ((image @ image.T + expression @ expression.T) / (2 * temperature)).softmax(1)
    of_expression = -(targets * logits.log_softmax(1)).sum(1)
    of_image = -(targets.T * logits.T.log_softmax(1)).sum(1)
    return (of_expression + of_image) / 2


def one_to_one_loss(expression: Tensor, image: Tensor, temperature: float = 1.0) -> Tensor:
    """Mean cross-entropy of finding each spot's partner, in both directions, half and half (InfoNCE)."""
    with torch.autocast(image.device.type, enabled=False):
        logits = expression.float() @ image.float().T / temperature
    partner = torch.arange(len(logits), device=logits.device)
    return (F.cross_entropy(logits, partner) + F.cross_entropy(logits.T, partner)) / 2
