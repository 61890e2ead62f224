"""Hears an inner trial: its predictions at checkpoints become scores here, and the trial hears nothing back."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from stbench.contract import TrainingState
from stbench.errors import MethodError
from stbench.evaluation.curves import Curve
from stbench.evaluation.trials.benches import Ear
from stbench.evaluation.validation import SCORES, ValidationSlide
from stbench.preprocess.expression import Scaling

# Tells of a fit's progress: (what is being fitted, epochs done, epochs in all, latest validation score)
FitProgress = Callable[[str, int, int, float | None], None]


class Progress(Ear):
    """Passes on how far a fit is."""

    def __init__(self, label: str, tell: FitProgress | None):
        self._label, self._tell = label, tell
        self.latest: float | None = None

    def progress(self, done: int, total: int) -> None:
        if self._tell is not None:
            self._tell(self._label, done, total, self.latest)


class CurveEar(Progress):
    """Judges what is handed over.

    slides          the judged slides by name, in the order of the queries
    constant_below  (G,) standard deviations below which a predicted gene is constant
    n_points        settings that are judged at each checkpoint
    is_stage        it is a part of a training: in a short one there may be no checkpoint, and its end is heard of
    """

    def __init__(
        self,
        slides: Mapping[str, ValidationSlide],
        scaling: Scaling,
        constant_below: np.ndarray,
        n_points: int,
        label: str,
        tell: FitProgress | None,
        is_stage: bool = False,
    ):
        super().__init__(label, tell)
        self.state: TrainingState | None = None
        self._is_stage = is_stage
        self._slides, self._scaling, self._constant_below = slides, scaling, constant_below
        self.checkpoints: list[int] = []
        # point -> slide -> score -> values
        self._found: list[dict[str, dict[str, list[float]]]] = [
            {name: {} for name in slides} for _ in range(n_points)
        ]

    def hand_over(self, checkpoint: int, predictions: list[np.ndarray]) -> None:
        wanted = len(self._slides) * len(self._found)
        if len(predictions) != wanted:
            raise MethodError(f"{len(predictions)} predictions were handed over for {wanted} queries.")
        if self.checkpoints and checkpoint <= self.checkpoints[-1]:
            raise MethodError(f"Checkpoint {checkpoint} was handed over after {self.checkpoints[-1]}.")
        self.checkpoints.append(checkpoint)
        remaining = iter(predictions)
        for point in self._found:
            for name, slide in self._slides.items():
                values = slide.scores(self._scaling.invert(next(remaining)), self._constant_below)
                for score, value in values.items():
                    point[name].setdefault(score, []).append(value)
        latest = [found["pcc"][-1] for found in self._found[0].values()]
        self.latest = float(np.mean(latest))

    def keep(self, state: TrainingState) -> None:
        self.state = state

    def points(self) -> tuple[dict[str, Curve], ...]:
        """What was judged, for each setting; MethodError where nothing was handed over."""
        if not self.checkpoints and self._is_stage:
            return tuple(
                {name: dict.fromkeys(SCORES.values(), ()) for name in self._slides} for _ in self._found
            )
        if not self.checkpoints:
            raise MethodError("The fit handed over no prediction; fit must do so at each checkpoint.")
        return tuple(
            {
                name: {score: tuple(map(_plain, values)) for score, values in found.items()}
                for name, found in point.items()
            }
            for point in self._found
        )


def _plain(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
