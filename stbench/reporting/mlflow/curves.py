"""The curves of a training as MLflow takes them: a value a step, where a step is an epoch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class CurvePoint(NamedTuple):
    """One value of one metric."""

    name: str
    step: int
    value: float


def curve_points(curves: Mapping[str, Any]) -> list[CurvePoint]:
    """The points of a Record's curves, what is undefined left out."""
    return [
        CurvePoint(name, epoch, value)
        for name, curve in curves.items()
        for epoch, value in zip(curve["epochs"], curve["values"], strict=True)
        if value is not None
    ]
