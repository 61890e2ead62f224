"""A small picture of a slide, to draw spots on: made once for each image."""

from __future__ import annotations

import io
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from stbench.errors import DatasetError
from stbench.files import hash_file
from stbench.preprocess.cache import cached_array
from stbench.preprocess.patches import large_images_allowed

LONGEST_EDGE = 640
_QUALITY = 80


class Thumbnail(NamedTuple):
    """A JPEG file's bytes (k,) uint8, and its pixels per pixel of the full-resolution image."""

    jpeg: np.ndarray
    scale: float


def thumbnail_of(image: Path) -> Thumbnail:
    """The picture of an image file, at most 640 px long; DatasetError where the image cannot be read."""
    identity = {"image": hash_file(image), "edge": LONGEST_EDGE, "quality": _QUALITY, "format": 1}

    def draw(path: Path) -> None:
        jpeg, scale = _drawn(image)
        packed = np.concatenate([np.frombuffer(np.float64(scale).tobytes(), np.uint8), jpeg])
        with path.open("wb") as file:
            np.save(file, packed)

    packed = np.array(cached_array("thumbnails", identity, draw))
    return Thumbnail(packed[8:], float(packed[:8].view(np.float64)[0]))


def _drawn(path: Path) -> Thumbnail:
    """Decoded at a reduced size where the format allows it (JPEG does), then shrunk."""
    try:
        with large_images_allowed(), Image.open(path) as image:
            full = max(image.size)
            image.draft("RGB", (LONGEST_EDGE, LONGEST_EDGE))
            small = image.convert("RGB")
            small.thumbnail((LONGEST_EDGE, LONGEST_EDGE), Image.Resampling.LANCZOS)
    except (OSError, SyntaxError, ValueError) as error:
        raise DatasetError(f"The image {path} cannot be read ({error}); fetch the file again.") from error
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=_QUALITY)
    return Thumbnail(np.frombuffer(buffer.getvalue(), np.uint8), max(small.size) / full)
