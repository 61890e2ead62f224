"""What a fit hands over at its checkpoints, gathered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from stbench.contract import FitContext, FitReport, Method
from stbench.slide import QuerySlide, TrainingSlide


class Handed(NamedTuple):
    """The report of a fit, and its predictions for the queries by checkpoint."""

    report: FitReport
    predictions: dict[int, list[np.ndarray]]


def fit_with_queries(
    method: Method,
    train: Sequence[TrainingSlide],
    queries: Sequence[QuerySlide],
    context: FitContext = FitContext(),  # noqa: B008 - frozen, hence safe to share
) -> Handed:
    """Fit a method with a checkpoint after each of its epochs."""
    predictions: dict[int, list[np.ndarray]] = {}

    def keep(checkpoint: int, found: Sequence[np.ndarray]) -> None:
        assert checkpoint not in predictions
        predictions[checkpoint] = [np.array(prediction) for prediction in found]

    checkpoints = range(1, method.settings().get("epochs", 0) + 1)
    report = method.fit(train, queries, checkpoints, replace(context, hand_over=keep))
    return Handed(report, predictions)
