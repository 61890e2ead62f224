"""The contrastive term of the training loss, vectorised over nodes."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from .network import Nodes


def contrastive_loss(first: Tensor, second: Tensor) -> Tensor:
    """Mean over nodes of 2 - 2 cos between a node's embeddings in the two views, (n, h) each."""
    return (2 - 2 * F.cosine_similarity(first, second, dim=1)).mean()


def contrast(
    first: Nodes, second: Nodes, target_weight: float, reference_weight: float, average: str
) -> Tensor:
    """Weighted contrast of both node types.

    `average` "together" is the mean over all nodes, targets and references alike (the paper's Eq. 13), where each
    type counts by its number of nodes; "apart" is the sum of each type's own mean (the released code).
    """
    targets, references = len(first.target), len(first.reference)
    if average == "together":
        target_weight = target_weight * targets / (targets + references)
        reference_weight = reference_weight * references / (targets + references)
    return target_weight * contrastive_loss(first.target, second.target) + (
        reference_weight * contrastive_loss(first.reference, second.reference)
    )
