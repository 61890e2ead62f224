"""The training mean with a little noise of its seed, after a short sleep; each fit leaves a line in a diary.

The diary is the file that $STBENCH_TEST_DIARY names; a sealed process, which is told of none, keeps one in its folder.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from stbench.contract import FitContext, FitReport, Method
from stbench.errors import MethodError
from stbench.slide import QuerySlide, TrainingSlide


def _diary() -> Path | None:
    own = Path(tempfile.gettempdir())
    named = os.environ.get("STBENCH_TEST_DIARY") or (own / "diary" if own.name.startswith("stb-") else None)
    return Path(named) if named else None


class Sleepy(Method):
    """Its diary, where there is one, says which slides were fitted with which seed."""

    def __init__(self, seconds: float = 0.1, noise: float = 0.1) -> None:
        self.seconds = seconds
        self.noise = noise
        self._mean: np.ndarray | None = None

    def fit(
        self,
        train: Sequence[TrainingSlide],
        queries: Sequence[QuerySlide] = (),
        checkpoints: Sequence[int] = (),
        context: FitContext = FitContext(),  # noqa: B008 - frozen, hence safe to share
    ) -> FitReport:
        if diary := _diary():
            with diary.open("a") as file:
                kind = "tuning" if queries else "refit"
                file.write(f"{kind} {'+'.join(slide.id for slide in train)} seed {context.seed}\n")
        time.sleep(self.seconds)
        self._seed = context.seed
        self._mean = np.concatenate([slide.expression for slide in train]).mean(axis=0)
        return self.report_without_epochs(queries, context)

    def predict(self, slide: QuerySlide) -> np.ndarray:
        if self._mean is None:
            raise MethodError("sleepy predicts only after fit.")
        noise = np.random.default_rng(self._seed).normal(0, self.noise, (slide.n_spots, len(self._mean)))
        return self._mean + noise
