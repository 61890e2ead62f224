"""The microns per pixel that an image file states itself."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from xml.etree import ElementTree

from stbench.pictures.errors import readable_tiff
from stbench.pictures.kinds import reader_of
from stbench.pictures.tiff_files import full_series

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPageSeries

# Microscopes and scanners lie within; what printers and screens leave behind (72, 96, 300 dpi) lies far beyond.
_PLAUSIBLE = (0.05, 10.0)
_OME_UNITS = {
    "m": 1e6,
    "cm": 1e4,
    "mm": 1e3,
    "µm": 1.0,
    "μm": 1.0,
    "um": 1.0,
    "nm": 1e-3,
    "pm": 1e-6,
    "in": 25_400.0,
}
_RESOLUTION_UNITS = {2: 25_400.0, 3: 10_000.0}  # microns in an inch, in a centimetre
_IMAGEJ_UNITS = ("micron", "microns", "um", "µm", "μm", "\\u00B5m")


class StatedScale(NamedTuple):
    """Microns per pixel, and in words what states them."""

    microns: float
    words: str


def stated_microns(path: Path) -> StatedScale | None:
    """The scale of the full-resolution image that its file states, None where it states none that is plausible.

    OME's PhysicalSizeX, Aperio's MPP, Ventana's ScanRes, ImageJ's unit, a TIFF's resolution in inches or centimetres
    (Hamamatsu and Leica write it), OpenSlide's mpp-x. Raises DatasetError where the file cannot be read.
    """
    reader = reader_of(path)
    if reader == "openslide":
        from stbench.pictures.openslide_files import openslide_microns

        return _plausible(openslide_microns(path), "OpenSlide's mpp-x of the image")
    if reader == "pillow":
        return None
    from tifffile import TiffFile

    with readable_tiff(path), TiffFile(path) as tiff:
        _, series = full_series(tiff)
        found = (_plausible(state(tiff, series), words) for words, state in _STATEMENTS.items())
        return next((scale for scale in found if scale is not None), None)


def _plausible(microns: float | None, words: str) -> StatedScale | None:
    if microns is None or not _PLAUSIBLE[0] <= microns <= _PLAUSIBLE[1]:
        return None
    return StatedScale(microns, words)


def _ome(tiff: TiffFile, series: TiffPageSeries) -> float | None:
    """PhysicalSizeX of the OME image that has the series' size."""
    if not tiff.ome_metadata:
        return None
    shape = dict(zip(series.axes, series.shape, strict=True))
    for pixels in ElementTree.fromstring(tiff.ome_metadata).iter():
        size = (pixels.get("SizeX"), pixels.get("SizeY"))
        if pixels.tag.endswith("Pixels") and size == (str(shape["X"]), str(shape["Y"])):
            number, unit = _number(pixels.get("PhysicalSizeX")), pixels.get("PhysicalSizeXUnit", "µm")
            return None if number is None or unit not in _OME_UNITS else number * _OME_UNITS[unit]
    return None


def _aperio(tiff: TiffFile, _: TiffPageSeries) -> float | None:
    text = tiff.pages.first.description
    found = re.search(r"\bMPP\s*=\s*([^|\s]+)", text) if text.startswith("Aperio") else None
    return _number(found and found[1])


def _ventana(tiff: TiffFile, _: TiffPageSeries) -> float | None:
    xmp = (tag.value for page in tiff.pages if (tag := page.aspage().tags.get(700)) is not None)
    texts = (value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value) for value in xmp)
    found = next(filter(None, (re.search(r"\bScanRes=\"([^\"]+)\"", text) for text in texts)), None)
    return _number(found and found[1])


def _imagej(tiff: TiffFile, series: TiffPageSeries) -> float | None:
    unit = (tiff.imagej_metadata or {}).get("unit")
    return _per_resolution(1.0, series) if unit in _IMAGEJ_UNITS else None


def _resolution(_: TiffFile, series: TiffPageSeries) -> float | None:
    unit = series.keyframe.tags.get("ResolutionUnit")
    microns = _RESOLUTION_UNITS.get(int(unit.value)) if unit is not None else None
    return None if microns is None else _per_resolution(microns, series)


def _per_resolution(microns: float, series: TiffPageSeries) -> float | None:
    """Microns per pixel where a length of `microns` holds XResolution pixels."""
    tag = series.keyframe.tags.get("XResolution")
    if tag is None:
        return None
    pixels, lengths = tag.value
    return microns * lengths / pixels if pixels else None


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None


_STATEMENTS: dict[str, Callable[[TiffFile, TiffPageSeries], float | None]] = {
    "OME PhysicalSizeX of the image": _ome,
    "Aperio MPP of the image": _aperio,
    "Ventana ScanRes of the image": _ventana,
    "ImageJ scale of the image": _imagej,
    "TIFF resolution of the image": _resolution,
}
