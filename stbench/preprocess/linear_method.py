"""A method that is one linear model of embeddings, averaged over neighbouring spots if asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from stbench.contract import FitContext, FitReport, FittedState, Method, ParameterCount
from stbench.errors import MethodError
from stbench.preprocess.neighbours import neighbour_positions, spatial_neighbours
from stbench.preprocess.ridge import ComponentRidge, DepthRidge
from stbench.slide import QuerySlide, TrainingSlide


class LinearMethod(Method):
    """Fits `model` to the training spots; predictions are averaged over a spot and its `neighbours` nearest.

    `components` alone is part of the fit: penalty and neighbours are looked at when something is predicted.
    """

    model: ClassVar[type[ComponentRidge] | type[DepthRidge]]

    def __init__(self, components: int = 64, penalty: float = 100.0, neighbours: int = 0) -> None:
        self.components = components
        self.penalty = penalty
        self.neighbours = neighbours
        self._fitted: ComponentRidge | DepthRidge | None = None

    def fit(
        self,
        train: Sequence[TrainingSlide],
        queries: Sequence[QuerySlide] = (),
        checkpoints: Sequence[int] = (),
        context: FitContext = FitContext(),  # noqa: B008 - frozen, hence safe to share
    ) -> FitReport:
        self._fitted = self.model(self.components).fit(train)
        return self.report_without_epochs(queries, context)

    def predict(self, slide: QuerySlide) -> np.ndarray:
        if self._fitted is None:
            raise MethodError(f"{type(self).__name__} predicts only after fit.")
        return smoothed(slide, self._fitted.predict(slide.embeddings, self.penalty), self.neighbours)

    def state(self) -> FittedState:
        """What the model learned; nothing in it is a spot's own."""
        if self._fitted is None:
            raise MethodError(f"{type(self).__name__} has nothing to keep before fit.")
        return FittedState(self._fitted.arrays(), {})

    def restore(self, state: FittedState, device: str = "cpu") -> None:
        self._fitted = self.model(self.components).restored(state.arrays)

    def parameter_count(self) -> ParameterCount:
        return ParameterCount(0, 0) if self._fitted is None else self._fitted.parameter_count()


def smoothed(slide: QuerySlide, values: np.ndarray, neighbours: int) -> np.ndarray:
    """(n_spots, m) mean of each spot's value and those of its `neighbours` nearest spots on the slide."""
    if neighbours == 0:
        return values
    nearest = spatial_neighbours(neighbour_positions(slide), slide.array_row_column, neighbours)
    return (values + values[nearest].sum(axis=1)) / (1 + nearest.shape[1])
