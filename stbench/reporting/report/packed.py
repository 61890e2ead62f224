"""Arrays as short text: one byte a value, so that a page with many maps stays small."""

from __future__ import annotations

import base64
from typing import TypedDict

import numpy as np

# Stands for "no value"; values use the bytes below it.
NOTHING = 255
_LEVELS = 254


class PackedValues(TypedDict):
    """(n,) numbers between `low` and `high` as bytes 0 to 254 in base64."""

    low: float
    high: float
    codes: str


def packed_values(values: np.ndarray) -> PackedValues:
    """Numbers rounded to the nearest of 255 steps between their extremes; not finite ones become NOTHING."""
    finite = np.isfinite(values)
    low = float(values[finite].min()) if finite.any() else 0.0
    high = float(values[finite].max()) if finite.any() else 0.0
    step = (high - low) / _LEVELS or 1.0
    codes = np.full(len(values), NOTHING, dtype=np.uint8)
    codes[finite] = np.rint((values[finite] - low) / step).astype(np.uint8)
    return {"low": _short(low), "high": _short(high), "codes": packed_codes(codes)}


def unpacked(packed: PackedValues) -> np.ndarray:
    """(n,) the numbers again, as exact as 255 steps are; NaN where there was none."""
    codes = np.frombuffer(base64.b64decode(packed["codes"]), dtype=np.uint8)
    values = packed["low"] + codes / _LEVELS * (packed["high"] - packed["low"])
    return np.where(codes == NOTHING, np.nan, values)


def packed_codes(codes: np.ndarray) -> str:
    """Whole numbers from 0 to 255, in base64."""
    return base64.b64encode(np.asarray(codes, dtype=np.uint8).tobytes()).decode("ascii")


def _short(value: float) -> float:
    return float(f"{value:.5g}")
