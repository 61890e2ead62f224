"""A linear map from embeddings to genes, learned by small steps: a method whose best epoch depends on its data."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stbench.contract import FitContext, FitReport, Method, MethodCard
from stbench.errors import MethodError
from stbench.slide import QuerySlide, TrainingSlide

CARD = MethodCard(
    title="Descent",
    summary="A linear map learned by gradient steps.",
    family="linear",
    trains_on="zscore",
    needs={"embeddings": True},  # type: ignore[arg-type]  # pydantic makes Needs of it
    grid=({}, {"rate": 0.01}),
)


class Descent(Method):
    """Stochastic gradient descent on the squared error, one batch of spots after the other, from a map of zeros."""

    def __init__(self, rate: float = 0.003, batch: int = 32, epochs: int = 60) -> None:
        self.rate, self.batch, self.epochs = rate, batch, epochs
        self._map: np.ndarray | None = None

    def fit(
        self,
        train: Sequence[TrainingSlide],
        queries: Sequence[QuerySlide] = (),
        checkpoints: Sequence[int] = (),
        context: FitContext = FitContext(),  # noqa: B008
    ) -> FitReport:
        embeddings = np.concatenate([slide.embeddings for slide in train]).astype(float)
        truth = np.concatenate([slide.expression for slide in train]).astype(float)
        self._centre, self._spread = embeddings.mean(axis=0), embeddings.std(axis=0)
        spots, rng = (embeddings - self._centre) / self._spread, np.random.default_rng(context.seed)
        self._map, self._mean = np.zeros((spots.shape[1], truth.shape[1])), truth.mean(axis=0)
        for epoch in range(1, self.epochs + 1):
            for rows in np.array_split(rng.permutation(len(spots)), max(1, len(spots) // self.batch)):
                error = self._mean + spots[rows] @ self._map - truth[rows]
                self._map -= self.rate * spots[rows].T @ error / len(rows)
            if context.hand_over is not None and epoch in checkpoints:
                context.hand_over(epoch, [self.predict(slide) for slide in queries])
        return FitReport(epochs=self.epochs)

    def predict(self, slide: QuerySlide) -> np.ndarray:
        if self._map is None:
            raise MethodError("Descent predicts only after fit.")
        return self._mean + (slide.embeddings - self._centre) / self._spread @ self._map
