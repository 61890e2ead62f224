"""Draws its predictions from a generator without a seed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stbench.contract import FitContext, FitReport, Method
from stbench.errors import MethodError
from stbench.slide import QuerySlide, TrainingSlide


class Unseeded(Method):
    """The training mean and noise that no seed repeats."""

    def __init__(self) -> None:
        self._mean: np.ndarray | None = None

    def fit(
        self,
        train: Sequence[TrainingSlide],
        queries: Sequence[QuerySlide] = (),
        checkpoints: Sequence[int] = (),
        context: FitContext = FitContext(),  # noqa: B008 - frozen, hence safe to share
    ) -> FitReport:
        self._mean = np.concatenate([slide.expression for slide in train]).mean(axis=0)
        return self.report_without_epochs(queries, context)

    def predict(self, slide: QuerySlide) -> np.ndarray:
        if self._mean is None:
            raise MethodError("unseeded predicts only after fit.")
        return self._mean + np.random.default_rng().normal(size=(slide.n_spots, len(self._mean)))
