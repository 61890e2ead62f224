"""JPEG and PNG files: decoded whole, as they can only be, but kept as Pillow holds them and converted by region.

That is at most four bytes a pixel, beside the part that is asked for.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from .errors import unreadable, unusable
from .kinds import PNG_START, first_bytes
from .pixels import opaque
from .regions import UPRIGHT, SlideImage, displayed, displayed_size
from .wholeness import png_chunks

_ORIENTATION = 0x0112
_PLACE_OF_PNG_DEPTH = 24
# Nothing is decoded twice here, so that a band may be smaller than in other files.
_ROWS_AT_ONCE, _ROWS_CONVERTED = 256, 32
_USABLE = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr")


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


@contextlib.contextmanager
def _header(path: Path) -> Iterator[Image.Image]:
    """The image, nothing decoded yet; DatasetError for none, and for pixels that are no 8-bit colours."""
    try:
        with large_images_allowed(), Image.open(path) as image:
            _check_kind(image, path)
            yield image
    except (OSError, SyntaxError, ValueError) as error:
        raise unreadable(path, error) from error


def _check_kind(image: Image.Image, path: Path) -> None:
    start = first_bytes(path)
    depth = start[_PLACE_OF_PNG_DEPTH] if start.startswith(PNG_START) else 8
    if depth > 8:  # Pillow takes the upper 8 bits of colours without a word
        raise unusable(path, f"{depth}-bit values in each channel")
    if image.mode not in _USABLE:
        raise unusable(path, f"pixels of the kind {image.mode}, which are no 8-bit colours or greys")


def pillow_size(path: Path) -> tuple[int, int]:
    """Width and height as displayed, from the header; DatasetError for an unusable image."""
    with _header(path) as image:
        return displayed_size(*image.size, _orientation(image, path))


def _orientation(image: Image.Image, path: Path) -> int:
    """How the file says it is to be displayed, 1 to 8, without decoding it."""
    exif = _png_exif(path) if image.format == "PNG" else image.getexif()
    found = exif.get(_ORIENTATION, UPRIGHT)
    return found if found in range(1, 9) else UPRIGHT


def _png_exif(path: Path) -> Image.Exif:
    """The tags of a PNG's own chunk for them, before or after its pixels; Pillow would decode these first."""
    exif = Image.Exif()
    with path.open("rb") as file:
        data = next((file.read(length) for name, length in png_chunks(file) if name == b"eXIf"), b"")
    if data:
        exif.load(b"Exif\0\0" + data)
    return exif


@contextlib.contextmanager
def open_pillow(path: Path, longest_edge: int | None = None) -> Iterator[SlideImage]:
    """The decoded image; a JPEG with `longest_edge` at an eighth, a quarter or half, while that has as many pixels."""
    with _header(path) as image:
        if longest_edge is not None:
            image.draft(image.mode, (longest_edge, longest_edge))
        orientation = _orientation(image, path)
        image.load()
    image_as_displayed = displayed(*image.size, partial(_region, image), orientation)
    yield image_as_displayed._replace(rows_at_once=_ROWS_AT_ONCE)


def _region(image: Image.Image, left: int, top: int, right: int, bottom: int) -> np.ndarray:
    """(bottom - top, right - left, 3) uint8 RGB, converted a few rows at a time: Pillow copies each several times."""
    pixels = np.empty((bottom - top, right - left, 3), dtype=np.uint8)
    for row in range(top, bottom, _ROWS_CONVERTED):
        end = min(row + _ROWS_CONVERTED, bottom)
        pixels[row - top : end - top] = _rgb(image.crop((left, row, right, end)))
    return pixels


def _rgb(part: Image.Image) -> np.ndarray:
    """(h, w, 3) uint8 of a part, what is clear over white."""
    if part.mode in ("LA", "PA", "RGBA") or "transparency" in part.info:
        return opaque(np.asarray(part.convert("RGBA")))
    return np.asarray(part.convert("RGB"))
