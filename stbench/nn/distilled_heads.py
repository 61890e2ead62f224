"""The heads of Hist2ST and HGGEP, and the loss terms that they give.

Both take the features of a slide's n spots in P passes, the plain one first and then the augmented copies of
self_distillation.py: (P, n, width). G genes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stbench.nn.count_losses import CountHeads, zero_inflated_negative_binomial
from stbench.nn.self_distillation import weighted_ensemble
from stbench.slide import TrainingSlide


class TrainingTargets(NamedTuple):
    """What the terms compare with: expression (n, G), raw panel counts (n, G) and size factors (n,).

    The last two are None for a slide without panel counts.
    """

    expression: Tensor
    counts: Tensor | None
    size_factors: Tensor | None


class LossTerms(NamedTuple):
    """Scalars, 0 for a term that is off."""

    expression: Tensor
    counts: Tensor
    distillation: Tensor

    def weighted(self, counts: float, distillation: float) -> Tensor:
        """The loss: the first term as it is, the others times these weights."""
        return self.expression + counts * self.counts + distillation * self.distillation


class SpotHeads(nn.Module):
    """Expression from a spot's features and, for the loss alone, count parameters and the logit of a copy."""

    def __init__(self, width: int, genes: int, counts: bool, distillation: bool):
        super().__init__()
        self.expression = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, genes))
        self.counts = CountHeads(width, genes) if counts else None
        logit = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 1))
        self.logit = logit if distillation else None

    def forward(self, features: Tensor) -> Tensor:
        """(..., width) -> expression (..., G)."""
        return self.expression(features)

    def loss_terms(self, features: Tensor, truth: TrainingTargets) -> LossTerms:
        """Mean squared error and count likelihood of the plain pass; distance of its prediction to the ensemble
        of the copies, gradients flowing into both."""
        prediction = self.expression(features)  # (P, n, G)
        counts = distillation = features.new_zeros(())
        if self.counts is not None and truth.counts is not None and truth.size_factors is not None:
            distribution = self.counts(features[0])
            counts = zero_inflated_negative_binomial(truth.counts, truth.size_factors, distribution)
        if self.logit is not None and len(features) > 1:
            ensemble = weighted_ensemble(prediction[1:], self.logit(features[1:]).squeeze(-1))
            distillation = F.mse_loss(ensemble, prediction[0])
        return LossTerms(F.mse_loss(prediction[0], truth.expression), counts, distillation)


def training_targets(slide: TrainingSlide, device: torch.device | str = "cpu") -> TrainingTargets:
    """Size factors are panel totals over the slide's median, taken over spots with counts if the median is 0."""
    expression = torch.tensor(slide.expression, dtype=torch.float32, device=device)
    if slide.panel_counts is None or not np.any(slide.panel_counts):
        return TrainingTargets(expression, None, None)
    counts = torch.tensor(np.asarray(slide.panel_counts), dtype=torch.float32, device=device)
    totals = np.asarray(slide.panel_counts).sum(axis=1)
    size_factors = totals / (np.median(totals) or np.median(totals[totals > 0]))
    return TrainingTargets(expression, counts, torch.tensor(size_factors, dtype=torch.float32, device=device))
