"""TIFFs, whole slides among them: which image is meant, and its pixels by region, never whole.

A file is read by its tiles or strips, of a pyramid the full resolution; one that is a single compressed strip leaves
no choice. Series are told by name and size, never by number: labels and overviews come first in some formats.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import readable_tiff, truncated
from .regions import UPRIGHT, SlideImage, displayed, displayed_size, is_turned
from .tiff_colours import Conversion, conversion

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPageSeries

_BESIDE_THE_TISSUE = ("label", "macro", "thumbnail", "overview", "map")
_ORIENTATION = 274


def full_series(tiff: TiffFile) -> tuple[int, TiffPageSeries]:
    """Number and series of the largest image that is neither label nor overview; ValueError without any."""
    named = [
        (number, series)
        for number, series in enumerate(tiff.series)
        if not any(word in series.name.lower() for word in _BESIDE_THE_TISSUE)
    ]
    largest = max(
        named or list(enumerate(tiff.series)), key=lambda one: (_n_pixels(one[1]), -one[0]), default=None
    )
    if largest is None:
        raise ValueError("it holds no image")
    return largest


def _n_pixels(series: TiffPageSeries) -> int:
    size = dict(zip(series.axes, series.shape, strict=True))
    return size.get("X", 0) * size.get("Y", 0)


def tiff_size(path: Path) -> tuple[int, int]:
    """Width and height as displayed; DatasetError for an unusable kind, and where data lie beyond the file's end."""
    from tifffile import TiffFile

    with readable_tiff(path), TiffFile(path) as tiff:
        _, series = full_series(tiff)
        conversion(tiff, series, path)
        if _end_of_data(series) > path.stat().st_size:
            raise truncated(path, "TIFF")
        return displayed_size(*_stored_size(series), _orientation(series))


def _end_of_data(series: TiffPageSeries) -> int:
    """Where the last byte of the full resolution's tiles should lie."""
    pages = (page for page in series.pages if page is not None)
    parts = (zip(page.dataoffsets, page.databytecounts, strict=True) for page in pages)
    return max((offset + size for part in parts for offset, size in part), default=0)


def _stored_size(series: Any) -> tuple[int, int]:
    shape = dict(zip(series.axes, series.shape, strict=True))
    return shape["X"], shape["Y"]


def _orientation(series: TiffPageSeries) -> int:
    tag = series.keyframe.tags.get(_ORIENTATION)
    return int(tag.value) if tag is not None else UPRIGHT


@contextlib.contextmanager
def open_tiff(path: Path, longest_edge: int | None = None) -> Iterator[SlideImage]:
    """The image, of a pyramid with `longest_edge` the smallest level whose longer side has as many pixels."""
    from tifffile import TiffFile

    with readable_tiff(path):
        tiff = TiffFile(path)
    with tiff:
        with readable_tiff(path):
            image = _opened(tiff, path, longest_edge)
        with readable_tiff(path):
            yield image


def _opened(tiff: TiffFile, path: Path, longest_edge: int | None) -> SlideImage:
    number, series = full_series(tiff)
    convert = conversion(tiff, series, path)
    enough = [level for level, part in enumerate(series.levels) if max(part.shape) >= (longest_edge or 0)]
    level = 0 if longest_edge is None else max(enough, default=0)
    pixels, chunks = _pixels(path, number, series, level)
    orientation = _orientation(series)
    chunk = dict(zip(series.axes, chunks, strict=True))["X" if is_turned(orientation) else "Y"]
    return displayed(
        *_stored_size(series.levels[level]), _reader(pixels, series.axes, convert), orientation, chunk
    )


def _pixels(path: Path, number: int, series: TiffPageSeries, level: int) -> tuple[Any, tuple[int, ...]]:
    """Something that is sliced like an array, and the pieces that it is read by."""
    from tifffile import memmap

    if level == 0 and series.dataoffset is not None and series.keyframe.is_memmappable:  # pixels in one piece
        return memmap(path, series=number, mode="r"), (1,) * len(series.axes)
    import zarr

    array: Any = zarr.open_array(series.aszarr(level=level), mode="r")
    return array, array.chunks


def _reader(pixels: Any, axes: str, convert: Conversion) -> Any:
    def read(left: int, top: int, right: int, bottom: int) -> np.ndarray:
        rows, columns = slice(top, bottom), slice(left, right)
        if axes == "YX":
            return convert(np.asarray(pixels[rows, columns])[..., np.newaxis])
        if axes == "YXS":
            return convert(np.asarray(pixels[rows, columns]))
        return convert(np.moveaxis(np.asarray(pixels[:, rows, columns]), 0, 2))

    return read
