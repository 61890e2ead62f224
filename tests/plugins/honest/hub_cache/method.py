"""Looks for weights in the Hugging Face hub's cache, and does without where there are none."""

from __future__ import annotations

from collections.abc import Sequence

import huggingface_hub
import numpy as np

from stbench.contract import FitContext, FitReport, Method
from stbench.slide import QuerySlide, TrainingSlide


class HubCache(Method):
    def fit(
        self,
        train: Sequence[TrainingSlide],
        queries: Sequence[QuerySlide] = (),
        checkpoints: Sequence[int] = (),
        context: FitContext = FitContext(),  # noqa: B008 - frozen, hence safe to share
    ) -> FitReport:
        self._mean = np.concatenate([slide.expression for slide in train]).mean(axis=0)
        found = huggingface_hub.try_to_load_from_cache("stbench-tests/some-encoder", "weights.bin")
        self._mean = self._mean * (float(open(found).read()) if isinstance(found, str) else 1.0)  # noqa: SIM115, PTH123
        return self.report_without_epochs(queries, context)

    def predict(self, slide: QuerySlide) -> np.ndarray:
        return np.tile(self._mean, (slide.n_spots, 1))
