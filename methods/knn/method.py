"""The mean of the training spots whose embeddings are most similar."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stbench.contract import FitContext, FitReport, FittedState, Method
from stbench.errors import MethodError
from stbench.preprocess.neighbours import top_k
from stbench.slide import QuerySlide, TrainingSlide


class NearestSpots(Method):
    """Mean expression of the `neighbours` training spots nearest by cosine of embeddings; it learns nothing."""

    def __init__(self, neighbours: int = 50) -> None:
        self.neighbours = neighbours
        self._bank: tuple[np.ndarray, np.ndarray] | None = None

    def fit(
        self,
        train: Sequence[TrainingSlide],
        queries: Sequence[QuerySlide] = (),
        checkpoints: Sequence[int] = (),
        context: FitContext = FitContext(),  # noqa: B008
    ) -> FitReport:
        embeddings = np.concatenate([slide.embeddings for slide in train])
        self._bank = embeddings, np.concatenate([slide.expression for slide in train])
        return self.report_without_epochs(queries, context)

    def predict(self, slide: QuerySlide) -> np.ndarray:
        if self._bank is None:
            raise MethodError("knn predicts only after fit.")
        embeddings, expression = self._bank
        nearest, _ = top_k(slide.embeddings, embeddings, self.neighbours, metric="cosine")
        return expression[nearest].mean(axis=1, dtype=np.float64)

    def state(self) -> FittedState:
        """The training spots themselves."""
        if self._bank is None:
            raise MethodError("knn has nothing to keep before fit.")
        embeddings, expression = self._bank
        return FittedState({"embeddings": embeddings, "expression": expression}, {}, holds_expression=True)

    def restore(self, state: FittedState, device: str = "cpu") -> None:
        self._bank = state.arrays["embeddings"], state.arrays["expression"]
