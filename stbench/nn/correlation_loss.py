"""Pearson's correlation as a loss, vectorised over genes."""

from __future__ import annotations

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
