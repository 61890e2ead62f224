"""Which picture of a slide is used: its full-resolution image, or a small one because there is no other."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from stbench.pictures.opening import image_extent

_SMALL = ("tissue_hires_image", "tissue_lowres_image")


class ImageUsed(NamedTuple):
    """The file's name, pixels as displayed, and whether it is the full-resolution image."""

    name: str
    width: int
    height: int
    full_resolution: bool


def image_used(image: Path, files: Mapping[str, Path]) -> ImageUsed:
    """The slide's `image`, told among the `files` that its source names.

    An image that is none of them was unpacked to the cache: out of a compressed file, or out of an .h5ad, which holds
    small ones only. Raises DatasetError where it cannot be read.
    """
    if image in files.values():
        name, full = image.name, image.stem not in _SMALL
    elif "image" in files:
        name, full = files["image"].name, True
    elif "h5ad" in files:
        name, full = f"inside {files['h5ad'].name}", False
    else:
        name, full = image.name, image.stem not in _SMALL
    return ImageUsed(name, *image_extent(image), full)
