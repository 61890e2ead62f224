"""Every spot gets the training mean of each gene."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stbench.contract import FitContext, FitReport, FittedState, Method, ParameterCount
from stbench.errors import MethodError
from stbench.slide import QuerySlide, TrainingSlide


class Mean(Method):
    """The constant predictor: it scores 0 on every correlation and sets the mark for RMSE."""

    def __init__(self) -> None:
        self._mean: np.ndarray | None = None

    def fit(
        self,
        train: Sequence[TrainingSlide],
        queries: Sequence[QuerySlide] = (),
        checkpoints: Sequence[int] = (),
        context: FitContext = FitContext(),  # noqa: B008
    ) -> FitReport:
        self._mean = np.concatenate([slide.expression for slide in train]).mean(axis=0, dtype=np.float64)
        return self.report_without_epochs(queries, context)

    def predict(self, slide: QuerySlide) -> np.ndarray:
        if self._mean is None:
            raise MethodError("mean predicts only after fit.")
        return np.tile(self._mean, (slide.n_spots, 1))

    def state(self) -> FittedState:
        if self._mean is None:
            raise MethodError("mean has nothing to keep before fit.")
        return FittedState({"mean": self._mean}, {})

    def restore(self, state: FittedState, device: str = "cpu") -> None:
        self._mean = state.arrays["mean"]

    def parameter_count(self) -> ParameterCount:
        count = 0 if self._mean is None else self._mean.size
        return ParameterCount(count, count)
