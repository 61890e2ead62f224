"""Pixels of any kind become 8-bit RGB: one conversion for all picture formats and for arrays in memory.

A grey value is repeated, alpha lies over white, whole numbers are 0 to 255 and fractions 0 to 1. What cannot be
colours (more than 8 bits, channels of fluorescence) is refused with what was found.
"""

from __future__ import annotations

import numpy as np

from stbench.errors import DatasetError

_CHANNELS = {1: "grey", 2: "grey and alpha", 3: "RGB", 4: "RGBA"}
_ROWS_AT_ONCE = 256
_NEEDED = "8-bit grey or RGB, alpha allowed, is needed"


def rgb8(array: np.ndarray, where: str) -> np.ndarray:
    """(h, w, 3) uint8 RGB of a picture of any numeric type: (h, w) or (h, w, 1 to 4: grey, with alpha, RGB, RGBA).

    Whole numbers, and floats above 1, are 0 to 255; floats up to 1 are fractions. `where` names the picture in the
    DatasetError for all else ("FILE: its image hires", say).
    """
    array = np.asarray(array)
    if array.ndim == 2:
        array = array[..., np.newaxis]
    if array.ndim != 3 or array.shape[2] not in _CHANNELS or 0 in array.shape:
        raise DatasetError(
            f"{where} has the shape {array.shape}: not height, width and 1 to 4 colours; {_NEEDED}."
        )
    if array.dtype == np.uint8:
        return opaque(array)
    factor = _factor(array, where)
    out = np.empty((*array.shape[:2], 3), dtype=np.uint8)
    for top in range(0, len(array), _ROWS_AT_ONCE):
        rows = slice(top, top + _ROWS_AT_ONCE)
        out[rows] = opaque(np.rint(array[rows].astype(np.float64) * factor).astype(np.uint8))
    return out


def _factor(array: np.ndarray, where: str) -> float:
    """What the values are multiplied by to lie in 0 to 255."""
    if array.dtype.kind not in "buif":
        raise DatasetError(f"{where} holds {array.dtype} values, no numbers; {_NEEDED}.")
    low, high = float(array.min()), float(array.max())
    if not (low >= 0 and high <= 255):  # NaN is caught too
        raise DatasetError(
            f"{where} holds {array.dtype} values from {low:g} to {high:g}; {_NEEDED}: "
            "whole numbers 0 to 255 or fractions 0 to 1."
        )
    return 255.0 if array.dtype.kind in "bf" and high <= 1 else 1.0


def opaque(pixels: np.ndarray, premultiplied: bool = False) -> np.ndarray:
    """(h, w, 3) uint8 RGB of (h, w, 1 to 4) uint8: grey repeated, alpha over white.

    `premultiplied` colours have been multiplied by their alpha already.
    """
    channels = pixels.shape[2]
    if channels in (2, 4):
        pixels = _over_white(pixels[..., :-1], pixels[..., -1:], premultiplied)
    return np.repeat(pixels, 3, axis=2) if channels < 3 else pixels


def _over_white(colours: np.ndarray, alpha: np.ndarray, premultiplied: bool) -> np.ndarray:
    if (alpha == 255).all():
        return colours
    clear = 255 - alpha
    if premultiplied:
        return (np.minimum(colours, alpha) + clear).astype(np.uint8)
    mixed = colours.astype(np.uint16) * alpha + 128
    # (c * a) / 255, rounded, without a division; then what is missing of white
    return ((mixed + (mixed >> 8) >> 8) + clear).astype(np.uint8)
