"""The inner loop: which setting and how many epochs, judged on slides of the outer training set only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from stbench.errors import MethodError
from stbench.evaluation.folds import Fold

# (settings, inner fold) -> the validation curve of one fit
FitCurve = Callable[[Mapping[str, Any], Fold], Sequence[float]]


@dataclass(frozen=True)
class Tuning:
    """What the inner loop found.

    settings  the winning settings;  epochs  the winning number of epochs, None where a curve has one point only
    score     the winning mean validation score
    at_cap    the winner trained as long as it was allowed to: more epochs might have won
    curves    per setting tried, the mean validation curve
    """

    settings: Mapping[str, Any]
    epochs: int | None
    score: float
    at_cap: bool
    curves: tuple[Mapping[str, Any], ...] = field(default=())

    def to_plain(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Tuning:
        """What `to_plain` gave, or what JSON made of it; a Record that is read has been found to hold all of it."""
        return cls(**{**plain, "curves": tuple(plain["curves"])})


def tune(settings: Sequence[Mapping[str, Any]], folds: Sequence[Fold], fit_curve: FitCurve) -> Tuning:
    """The (setting, epoch) pair with the highest curve, averaged over the inner folds at equal epoch.

    Of equals the earlier setting and the earlier epoch win. A fit that handed over nothing is a MethodError.
    """
    means = [_mean_curve([fit_curve(point, fold) for fold in folds], point) for point in settings]
    peaks = [float(np.max(curve)) for curve in means]
    best = int(np.argmax(peaks))
    epoch = int(np.argmax(means[best]))
    if not np.isfinite(peaks[best]):
        raise MethodError("No setting of the grid reached a finite validation score.")
    has_epochs = len(means[best]) > 1
    return Tuning(
        settings=dict(settings[best]),
        epochs=epoch + 1 if has_epochs else None,
        score=peaks[best],
        at_cap=has_epochs and epoch + 1 == len(means[best]),
        curves=tuple(
            {
                "settings": dict(point),
                "curve": [round(float(v), 6) if np.isfinite(v) else None for v in curve],
            }
            for point, curve in zip(settings, means, strict=True)
        ),
    )


def _mean_curve(curves: Sequence[Sequence[float]], point: Mapping[str, Any]) -> np.ndarray:
    """The mean over inner folds at equal epoch, as far as all of them go; an undefined value cannot win."""
    length = min(len(curve) for curve in curves)
    if length == 0:
        raise MethodError(
            f"A fit with settings {dict(point)} handed over no prediction; fit must do so at each checkpoint."
        )
    stacked = np.array([list(curve)[:length] for curve in curves], dtype=float)
    return np.where(np.isfinite(stacked), stacked, -np.inf).mean(axis=0)
