"""Trains a linear layer on spot positions with a plain optimiser and the shared loop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from stbench.contract import FitContext, FitReport, Method
from stbench.nn import training
from stbench.slide import QuerySlide, TrainingSlide


def _places(slide: TrainingSlide | QuerySlide) -> torch.Tensor:
    return torch.tensor(slide.array_row_column / 10, dtype=torch.float32)


class Optimiser(Method):
    def fit(
        self,
        train: Sequence[TrainingSlide],
        queries: Sequence[QuerySlide] = (),
        checkpoints: Sequence[int] = (),
        context: FitContext = FitContext(),  # noqa: B008 - frozen, hence safe to share
    ) -> FitReport:
        with training.seeded(context) as generator:
            self._layer = torch.nn.Linear(2, train[0].expression.shape[1])
            optimiser = torch.optim.Adam(self._layer.parameters(), lr=0.01)
            places = torch.cat([_places(slide) for slide in train])
            expression = torch.tensor(np.concatenate([slide.expression for slide in train]))

            def losses(epoch: int) -> Iterator[torch.Tensor]:
                for spots in training.shuffled_batches(len(places), 16, generator):
                    yield torch.nn.functional.mse_loss(self._layer(places[spots]), expression[spots])

            checkpointed = training.Checkpoints(self.predict, queries, checkpoints)
            return training.train(self._layer, optimiser, losses, 2, context, checkpointed)

    def predict(self, slide: QuerySlide) -> np.ndarray:
        with torch.no_grad():
            return self._layer(_places(slide)).numpy()
