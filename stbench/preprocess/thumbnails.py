"""A small picture of a slide, to draw spots on: made once for each image."""

from __future__ import annotations

import io
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from stbench.files import hash_file
from stbench.pictures.opening import image_extent, open_image
from stbench.pictures.regions import SlideImage
from stbench.preprocess.cache import cached_array

LONGEST_EDGE = 640
_QUALITY = 80
_ROWS_AVERAGED = 64  # Pillow copies what it averages


class Thumbnail(NamedTuple):
    """A JPEG file's bytes (k,) uint8, and its pixels per pixel of the full-resolution image."""

    jpeg: np.ndarray
    scale: float


def thumbnail_of(image: Path, longest_edge: int = LONGEST_EDGE) -> Thumbnail:
    """The picture of an image file, at most `longest_edge` px long; DatasetError where the image cannot be read.

    A whole slide is never held whole, and no pixel of a JPEG or PNG in more than one copy.
    """
    identity = {"image": hash_file(image), "edge": longest_edge, "quality": _QUALITY, "format": 2}

    def draw(path: Path) -> None:
        jpeg, scale = _drawn(image, longest_edge)
        packed = np.concatenate([np.frombuffer(np.float64(scale).tobytes(), np.uint8), jpeg])
        with path.open("wb") as file:
            np.save(file, packed)

    packed = np.array(cached_array("thumbnails", identity, draw))
    return Thumbnail(packed[8:], float(packed[:8].view(np.float64)[0]))


def _drawn(path: Path, edge: int) -> Thumbnail:
    small, full = _small(path, edge)
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=_QUALITY)
    return Thumbnail(np.frombuffer(buffer.getvalue(), np.uint8), max(small.size) / full)


def _small(path: Path, edge: int) -> tuple[Image.Image, int]:
    """The picture, and the image's longer side: of a pyramid or JPEG the smallest size that suffices, band by band."""
    width, height = image_extent(path)
    shrink = min(1.0, edge / max(width, height))
    size = max(round(width * shrink), 1), max(round(height * shrink), 1)
    with open_image(path, edge) as level:
        factor = max(level.width // size[0], 1)
        coarse = _coarse(level, factor)
        whole = (0.0, 0.0, level.width / factor, level.height / factor)
        return coarse.resize(size, Image.Resampling.LANCZOS, box=whole), max(width, height)


def _coarse(image: SlideImage, factor: int) -> Image.Image:
    """Each square of factor x factor pixels averaged to one, those at the right and lower edges of what is there."""
    rows, few = (max(height // factor, 1) * factor for height in (image.rows_at_once, _ROWS_AVERAGED))
    bands = (image.region(0, top, image.width, top + rows) for top in range(0, image.height, rows))
    averaged = [
        np.asarray(Image.fromarray(band[top : top + few]).reduce(factor))
        for band in bands
        for top in range(0, len(band), few)
    ]
    return Image.fromarray(np.concatenate(averaged))
