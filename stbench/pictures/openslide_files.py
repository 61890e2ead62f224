"""Whole slides that are no TIFFs (MIRAX, Hamamatsu VMS, Sakura, Zeiss), read by OpenSlide where it is installed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from stbench.errors import DatasetError

from .errors import unreadable
from .pixels import opaque
from .regions import UPRIGHT, SlideImage, displayed


@contextlib.contextmanager
def _slide(path: Path) -> Iterator[Any]:
    try:
        from openslide import OpenSlide, OpenSlideError
    except ModuleNotFoundError as error:  # the package, or the library that it calls
        raise DatasetError(
            f"{path} is a whole slide that OpenSlide reads, which is not installed: pip install 'stbench[wsi]', "
            "or save the slide as a tiled TIFF."
        ) from error
    try:
        with OpenSlide(path) as slide:
            yield slide
    except (OpenSlideError, OSError) as error:
        raise unreadable(path, error, "whole-slide ") from error


def openslide_size(path: Path) -> tuple[int, int]:
    """Width and height of the full resolution."""
    with _slide(path) as slide:
        return slide.dimensions


def openslide_microns(path: Path) -> float | None:
    """The microns per pixel that the slide states."""
    with _slide(path) as slide:
        found = slide.properties.get("openslide.mpp-x")
        return None if found is None else float(found)


@contextlib.contextmanager
def open_openslide(path: Path, longest_edge: int | None = None) -> Iterator[SlideImage]:
    """The image, with `longest_edge` the smallest level whose longer side has as many pixels."""
    with _slide(path) as slide:
        sizes = slide.level_dimensions
        enough = [level for level, size in enumerate(sizes) if max(size) >= (longest_edge or 0)]
        level = 0 if longest_edge is None else max(enough, default=0)
        step = slide.level_downsamples[level]

        def read(left: int, top: int, right: int, bottom: int) -> np.ndarray:
            corner = (round(left * step), round(top * step))  # in pixels of the full resolution
            return opaque(np.asarray(slide.read_region(corner, level, (right - left, bottom - top))))

        width, height = sizes[level]
        yield displayed(width, height, read, UPRIGHT)
