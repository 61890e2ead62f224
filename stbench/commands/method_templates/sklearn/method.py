"""My idea: describe the idea in one line."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.linear_model import Ridge

from stbench.contract import FitContext, FitReport, FittedState, Method
from stbench.errors import MethodError
from stbench.slide import QuerySlide, TrainingSlide


class MyIdea(Method):
    """A line from embeddings to every gene, until your idea stands here."""

    def __init__(self, penalty: float = 1000.0) -> None:
        self.penalty = penalty
        self._model: Ridge | None = None

    def fit(
        self,
        train: Sequence[TrainingSlide],
        queries: Sequence[QuerySlide] = (),
        checkpoints: Sequence[int] = (),
        context: FitContext = FitContext(),  # noqa: B008 - frozen, hence safe to share
    ) -> FitReport:
        embeddings = np.concatenate([slide.embeddings for slide in train])
        expression = np.concatenate([slide.expression for slide in train])
        self._model = Ridge(alpha=self.penalty).fit(embeddings, expression)
        return self.report_without_epochs(queries, context)

    def predict(self, slide: QuerySlide) -> np.ndarray:
        if self._model is None:
            raise MethodError("my-idea predicts only after fit.")
        return self._model.predict(slide.embeddings).reshape(slide.n_spots, -1)

    def state(self) -> FittedState:
        """All that `predict` needs, as arrays and plain values; it says whether training spots are among them."""
        if self._model is None:
            raise MethodError("my-idea has nothing to keep before fit.")
        return FittedState({"slopes": self._model.coef_.T, "origin": self._model.intercept_}, {})

    def restore(self, state: FittedState, device: str = "cpu") -> None:
        self._model = Ridge(alpha=self.penalty)
        self._model.coef_, self._model.intercept_ = state.arrays["slopes"].T, state.arrays["origin"]
