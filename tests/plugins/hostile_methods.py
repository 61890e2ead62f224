"""Two methods whose notes mean something to a terminal, a shell, a table or a page; a file that stands alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stbench.contract import FitContext, FitReport, Method
from stbench.slide import QuerySlide, TrainingSlide

WORDS = "[bold]$\\alpha$[/bold] | <b>b</b> `c` http://x.y **d** \x1b[31m\u202e\n# e\n=f()"


class Noted(Method):
    """Predicts the training mean with some noise, and notes what it likes."""

    def __init__(self, words: str = WORDS) -> None:
        self.words = words
        self._mean = np.empty(0)

    def fit(
        self,
        train: Sequence[TrainingSlide],
        queries: Sequence[QuerySlide] = (),
        checkpoints: Sequence[int] = (),
        context: FitContext = FitContext(),  # noqa: B008 - frozen, hence safe to share
    ) -> FitReport:
        self._mean = np.concatenate([slide.expression for slide in train]).mean(axis=0)
        return FitReport(notes=(self.words,), pretrained=self.words)

    def predict(self, slide: QuerySlide) -> np.ndarray:
        noise = np.random.default_rng(slide.n_spots).normal(0, 0.1, (slide.n_spots, len(self._mean)))
        return self._mean + noise + slide.pixel_xy[:, :1] / 1_000


class Failing(Noted):
    """Fails with words that do not end."""

    def predict(self, slide: QuerySlide) -> np.ndarray:
        raise RuntimeError(self.words + "x" * 5_000)
