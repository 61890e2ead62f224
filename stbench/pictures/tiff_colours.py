"""What the samples of a TIFF mean, and how they become RGB; what cannot be colours is refused with what was found."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from .errors import unusable
from .pixels import opaque

Conversion = Callable[[np.ndarray], np.ndarray]
_AXES = ("YX", "YXS", "CYX", "SYX")
_BITS = {"uint8": 8, "bool": 1}
_MOST_SAMPLES = 4  # those of CMYK, or RGB and alpha
_JPEG = (6, 7, 34892, 33007)  # compressions whose YCbCr tifffile turns into RGB
_JPEG_2000 = (33003, 33004, 34712)  # and those whose YCbCr it leaves
_MARKED = re.compile(
    r"(Fluor|ExcitationWavelength|EmissionWavelength)=\"|(ContrastMethod|AcquisitionMode)=\"\w*Fluorescence\"|"
    r"<Channel [^>]*Name=\"[^\"]*(DAPI|Hoechst|FITC|TRITC|GFP|Texas ?Red|Cy[357]|Alexa|AF ?\d{3}|SYTO)",
    re.IGNORECASE,
)


def conversion(tiff: Any, series: Any, path: Path) -> Conversion:
    """A function from (h, w, samples) of that series to (h, w, 3) uint8 RGB; DatasetError for an unusable kind."""
    page, axes = series.keyframe, series.axes
    depth = f"{np.dtype(series.dtype)} values of {page.bitspersample} bits"
    found = f"axes {axes} of shape {series.shape}, {depth} and colours {page.photometric.name}"
    if axes not in _AXES or page.bitspersample != _BITS.get(np.dtype(series.dtype).name):
        raise unusable(path, found)
    samples = dict(zip(axes, series.shape, strict=True)).get(axes.strip("YX"), 1)
    if "C" in axes and samples > 1 and _MARKED.search(tiff.ome_metadata or ""):
        raise unusable(path, f"{samples} channels of fluorescence, as it says itself ({found})")
    if samples > _MOST_SAMPLES:
        raise unusable(path, f"{samples} channels, more than colours have ({found})")
    convert = _by_colours(page, samples)
    if convert is None:
        raise unusable(path, found)
    return convert


def _by_colours(page: Any, samples: int) -> Conversion | None:
    """The conversion for the colour space and number of samples, None where they are no colours together."""
    alpha = _alpha(page, samples)
    match page.photometric.name, samples:
        case ("RGB", 3) | ("MINISBLACK", 1 | 3):
            return _plain
        case ("RGB", 4) | ("MINISBLACK", 2 | 4) if alpha:
            return lambda pixels: opaque(pixels, premultiplied=alpha == "ASSOCALPHA")
        case "RGB", 4:  # a fourth sample that nothing explains
            return lambda pixels: pixels[..., :3]
        case "MINISWHITE", 1:
            return lambda pixels: 255 - _plain(pixels)
        case "PALETTE", 1 if page.colormap is not None:
            return _palette(page.colormap)
        case "SEPARATED", 4:
            return _by_pillow("CMYK")
        case "YCBCR", 3:
            return _ycbcr(page)
    return None


def _ycbcr(page: Any) -> Conversion | None:
    if page.compression in _JPEG:
        return _plain
    return _by_pillow("YCbCr") if page.compression in _JPEG_2000 else None


def _alpha(page: Any, samples: int) -> str | None:
    """The kind of alpha that the last sample is, None where it is none."""
    kind = page.extrasamples[-1].name if page.extrasamples and samples in (2, 4) else ""
    return kind if kind in ("ASSOCALPHA", "UNASSALPHA") else None


def _plain(pixels: np.ndarray) -> np.ndarray:
    return opaque(pixels.astype(np.uint8) * 255 if pixels.dtype == np.bool_ else pixels)


def _palette(colormap: np.ndarray) -> Conversion:
    """Colours of 16 bits by index; those of some writers fill 8 of them only."""
    colours = np.asarray(colormap).T
    colours = (colours if colours.max() < 256 else colours >> 8).astype(np.uint8)
    return lambda pixels: colours[pixels[..., 0]]


def _by_pillow(mode: str) -> Conversion:
    def convert(pixels: np.ndarray) -> np.ndarray:
        return np.asarray(Image.fromarray(np.ascontiguousarray(pixels), mode=mode).convert("RGB"))

    return convert
