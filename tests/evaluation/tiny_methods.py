"""Small methods for tests of the runner: a plane over the array, and one that knows its best epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from stbench.contract import FitContext, FitReport, Method, MethodCard
from stbench.errors import MethodError, UsageError
from stbench.slide import QuerySlide, TrainingSlide


class Plane(Method):
    """Least squares on array row and column: any per-gene affine map of its targets maps its predictions."""

    def __init__(self, shift: float = 0.0) -> None:
        self.shift = shift
        self.weights: np.ndarray | None = None

    def fit(self, train, queries=(), checkpoints=(), context=FitContext()) -> FitReport:  # noqa: B008
        design = np.concatenate([_design(slide) for slide in train])
        self.weights = np.linalg.lstsq(design, np.concatenate([s.expression for s in train]).astype(float))[0]
        return self.report_without_epochs(queries, context)

    def predict(self, slide: QuerySlide) -> np.ndarray:
        if self.weights is None:
            raise MethodError("Plane predicts only after fit.")
        return _design(slide) @ self.weights + self.shift


def _design(slide: TrainingSlide | QuerySlide) -> np.ndarray:
    return np.column_stack([np.ones(slide.n_spots), slide.array_row_column])


class Spy(Plane):
    """Remembers what every fit was handed, over all its objects; `blur` is noise that it predicts with."""

    calls: ClassVar[list[tuple[list[TrainingSlide], list[QuerySlide], FitContext]]] = []

    def __init__(self, shift: float = 0.0, blur: float = 0.0) -> None:
        super().__init__(shift)
        self.blur = blur

    def fit(
        self,
        train: Sequence[TrainingSlide],
        queries: Sequence[QuerySlide] = (),
        checkpoints: Sequence[int] = (),
        context: FitContext = FitContext(),  # noqa: B008
    ) -> FitReport:
        self.calls.append((list(train), list(queries), context))
        return super().fit(train, queries, checkpoints, context)

    def predict(self, slide: QuerySlide) -> np.ndarray:
        plane = super().predict(slide)
        return plane + self.blur * np.random.default_rng(0).normal(size=plane.shape)


class Epochs(Plane):
    """The plane plus noise that is smallest after `best` epochs; the seed draws the noise."""

    def __init__(self, epochs: int = 6, best: int = 4, loudness: float = 1.0) -> None:
        super().__init__()
        self.epochs, self.best, self.loudness = epochs, best, loudness

    def fit(self, train, queries=(), checkpoints=(), context=FitContext()) -> FitReport:  # noqa: B008
        super().fit(train)
        self.seed = context.seed
        for epoch in range(1, self.epochs + 1):
            self.noise = self.loudness * (0.1 + abs(epoch - self.best))
            if context.hand_over and epoch in checkpoints:
                context.hand_over(epoch, [self.predict(slide) for slide in queries])
            if context.progress:
                context.progress(epoch, self.epochs)
        return FitReport(epochs=self.epochs, pretrained="nothing", notes=("a note",))

    def predict(self, slide: QuerySlide) -> np.ndarray:
        plane = super().predict(slide)
        return plane + self.noise * np.random.default_rng(self.seed).normal(0, 0.2, plane.shape)


class Shouting(Plane):
    """Predicts nonsense for the shallow spots."""

    def predict(self, slide: QuerySlide) -> np.ndarray:
        prediction = super().predict(slide)
        prediction[[3, 17]] = 1e3
        return prediction


class Failing(Plane):
    """Fails in a way of its choice, with seed 0 or without."""

    def __init__(self, how: str = "fit", every_seed: bool = True) -> None:
        super().__init__()
        self.how, self.every_seed = how, every_seed

    def fit(self, train, queries=(), checkpoints=(), context=FitContext()) -> FitReport:  # noqa: B008
        errors: Mapping[str, BaseException] = {
            "fit": RuntimeError("two\n  lines"),
            "method": MethodError("its own words"),
            "usage": UsageError("unusable"),
            "interrupt": KeyboardInterrupt(),
        }
        if self.how in errors and (self.every_seed or context.seed == 0):
            raise errors[self.how]
        return super().fit(train, queries, checkpoints, context)

    def predict(self, slide: QuerySlide) -> np.ndarray:
        prediction: Any = super().predict(slide)
        if self.how == "nan":
            prediction[0, 0] = np.nan
        return {"shape": prediction[:-1], "words": np.full(prediction.shape, "x")}.get(self.how, prediction)


METHODS = {"plane": Plane, "spy": Spy, "epochs": Epochs, "shouting": Shouting, "failing": Failing}


def card(**changes: Any) -> MethodCard:
    return MethodCard(**{"title": "T", "summary": "S", "family": "F", **changes})
