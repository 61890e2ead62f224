"""Pixels of a slide's image by region: whole-slide TIFFs are read where they are needed, never whole.

A JPEG or PNG file can only be decoded as a whole, and is. A TIFF file is read by its tiles or strips, of a pyramid
the full resolution; one that is a single compressed strip leaves no choice either.
"""

from __future__ import annotations

import contextlib
import importlib.util
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from PIL import Image

from stbench.errors import DatasetError, MissingPackage

if TYPE_CHECKING:
    from tifffile import TiffFile

TIFF_SUFFIXES = (".tif", ".tiff", ".btf")
# Enough rows for most tiles to be decoded once or twice, few enough for a band of a large section to fit in memory.
_ROWS_AT_ONCE = 512


class SlideImage(NamedTuple):
    """An open image: `pixels` is sliced like an array; channels come first or last, or there are none.

    rows_at_once  rows that are best read together
    """

    pixels: Any
    axes: str
    width: int
    height: int
    rows_at_once: int

    def region(self, left: int, top: int, right: int, bottom: int) -> np.ndarray:
        """(bottom - top, right - left, 3) uint8 RGB of a part of the image, cut off at its edges."""
        rows = slice(max(top, 0), max(min(bottom, self.height), 0))
        columns = slice(max(left, 0), max(min(right, self.width), 0))
        if rows.start >= rows.stop or columns.start >= columns.stop:
            return np.empty((0, 0, 3), dtype=np.uint8)
        if self.axes == "YX":
            return np.repeat(np.asarray(self.pixels[rows, columns])[..., np.newaxis], 3, axis=2)
        if self.axes == "YXS":
            return np.asarray(self.pixels[rows, columns])[..., :3]
        return np.moveaxis(np.asarray(self.pixels[:3, rows, columns]), 0, 2)


@contextlib.contextmanager
def open_image(path: Path, longest_edge: int | None = None) -> Iterator[SlideImage]:
    """The image at full resolution; DatasetError where it is missing, damaged or of an unusable kind.

    With `longest_edge`, of a pyramid the smallest level that has at least as many pixels along its longer side.
    """
    if path.suffix.lower() not in TIFF_SUFFIXES:
        pixels = read_image(path)
        yield SlideImage(pixels, "YXS", pixels.shape[1], pixels.shape[0], max(pixels.shape[0], 1))
        return
    from tifffile import TiffFile

    with _readable(path):
        tiff = TiffFile(path)
    with tiff:
        with _readable(path):
            image = _tiff_image(tiff, path, longest_edge)
        with _readable(path):
            yield image


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn what a TIFF leads to that cannot be read into a DatasetError; a full disk stays what it is."""
    from tifffile import TiffFileError

    try:
        yield
    except (TiffFileError, ValueError, KeyError, IndexError, RuntimeError, FileNotFoundError) as error:
        raise (_no_codec(path, error) or _unreadable(path, error)) from error
    except ModuleNotFoundError as error:
        if (no_codec := _no_codec(path, error)) is None:
            raise
        raise no_codec from error


def _no_codec(path: Path, error: Exception) -> DatasetError | None:
    """The sentence for a compression that tifffile does not undo without imagecodecs; None for all else."""
    # It names the package then; for zstd it tries a module of newer Pythons.
    words = ("imagecodecs", "No module named 'compression'")
    if not any(word in str(error) for word in words) or importlib.util.find_spec("imagecodecs") is not None:
        return None
    return DatasetError(str(MissingPackage("imagecodecs", f"The compressed image {path}")))


def _unreadable(path: Path, error: Exception) -> DatasetError:
    return DatasetError(
        f"The image {path} cannot be read ({error}). It is damaged or incomplete; fetch the file again."
    )


def _tiff_image(tiff: TiffFile, path: Path, longest_edge: int | None) -> SlideImage:
    from tifffile import memmap

    series, page = tiff.series[0], tiff.pages.first
    _check_kind(series.axes, series.dtype, page, path)
    enough = [level for level, part in enumerate(series.levels) if max(part.shape) >= (longest_edge or 0)]
    level = 0 if longest_edge is None else max(enough, default=0)
    shape = dict(zip(series.axes, series.levels[level].shape, strict=True))
    if level == 0 and series.dataoffset is not None and page.is_memmappable:  # plain pixels in one piece
        return SlideImage(
            memmap(path, series=0, mode="r"), series.axes, shape["X"], shape["Y"], _ROWS_AT_ONCE
        )
    import zarr

    pixels: Any = zarr.open_array(series.aszarr(level=level), mode="r")
    chunk = dict(zip(series.axes, pixels.chunks, strict=True))["Y"]
    return SlideImage(pixels, series.axes, shape["X"], shape["Y"], max(_ROWS_AT_ONCE, chunk))


def _check_kind(axes: str, dtype: Any, page: Any, path: Path) -> None:
    """DatasetError for a TIFF that holds no 8-bit colours or greys, or several images at once."""
    from tifffile import COMPRESSION, PHOTOMETRIC

    # tifffile turns YCbCr into RGB where JPEG data are decoded, and only there.
    plain = page.photometric in (PHOTOMETRIC.RGB, PHOTOMETRIC.MINISBLACK)
    usable = plain or (page.photometric == PHOTOMETRIC.YCBCR and page.compression == COMPRESSION.JPEG)
    if axes not in ("YX", "YXS", "CYX", "SYX") or np.dtype(dtype) != np.uint8 or not usable:
        raise DatasetError(
            f"The image {path} has axes {axes}, {np.dtype(dtype)} values and colours {page.photometric.name}; "
            "one 8-bit RGB or grey image is needed: save it as such a TIFF."
        )


def image_extent(path: Path) -> tuple[int, int]:
    """Width and height in pixels, from the header; DatasetError for an unreadable image."""
    if path.suffix.lower() in TIFF_SUFFIXES:
        with open_image(path) as image:
            return image.width, image.height
    try:
        with large_images_allowed(), Image.open(path) as image:
            return image.size
    except (OSError, SyntaxError, ValueError) as error:
        raise _unreadable(path, error) from error


@contextlib.contextmanager
def large_images_allowed() -> Iterator[None]:
    """Lift Pillow's limit on pixels (whole-slide images exceed it) while an image is opened."""
    limit = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def read_image(path: Path) -> np.ndarray:
    """(height, width, 3) uint8 RGB of a whole image file; DatasetError where it is missing, truncated or none."""
    try:
        with large_images_allowed(), Image.open(path) as image:
            return np.asarray(image.convert("RGB"))
    except (OSError, SyntaxError, ValueError) as error:
        raise _unreadable(path, error) from error
