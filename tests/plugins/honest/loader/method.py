"""Reads its spots through a DataLoader with a process of its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from stbench.contract import FitContext, FitReport, Method
from stbench.slide import QuerySlide, TrainingSlide


class Loader(Method):
    def fit(
        self,
        train: Sequence[TrainingSlide],
        queries: Sequence[QuerySlide] = (),
        checkpoints: Sequence[int] = (),
        context: FitContext = FitContext(),  # noqa: B008 - frozen, hence safe to share
    ) -> FitReport:
        expression = torch.tensor(np.concatenate([slide.expression for slide in train]))
        loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(expression), 16, num_workers=1)
        self._mean = torch.cat([batch for (batch,) in loader]).mean(dim=0).numpy()
        return self.report_without_epochs(queries, context)

    def predict(self, slide: QuerySlide) -> np.ndarray:
        return np.tile(self._mean, (slide.n_spots, 1))
