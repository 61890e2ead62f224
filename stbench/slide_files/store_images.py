"""A picture inside a SpatialData store, written to the cache once as a tiled TIFF, which is read by region."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from stbench.errors import DatasetError
from stbench.files import cache_root, hash_files, locked, replacing
from stbench.pictures.pixels import rgb8

_TILE = 512


def store_image(element: Any, place: Path) -> Path:
    """The full-resolution image of an element that lies at `place` in its store, kept under its files' hash.

    Raises DatasetError where it is no picture of 8 bits.
    """
    files = {path.relative_to(place).as_posix(): path for path in sorted(place.rglob("*")) if path.is_file()}
    target = cache_root() / "images" / f"{hash_files(files)[:16]}.tif"
    if not target.is_file():
        with locked(target):
            if not target.is_file():
                pixels = _full(element).transpose("y", "x", "c").data
                with replacing(target) as temporary:
                    _write(pixels, temporary, str(place))
    return target


def _full(element: Any) -> Any:
    """The largest image of a pyramid, or the only one."""
    if not hasattr(element, "children"):
        return element
    (image,) = element["scale0"].ds.data_vars.values()
    return image


def _write(pixels: Any, path: Path, where: str) -> None:
    """Write (height, width, colours) of dask as RGB, a row of tiles in memory at a time."""
    import tifffile

    height, width, _ = pixels.shape
    if pixels.dtype != np.uint8:  # whether fractions or whole numbers are meant, only all of it can tell
        pixels = rgb8(np.asarray(pixels), where)
    try:
        with tifffile.TiffWriter(path, bigtiff=True) as tiff:
            tiff.write(
                _tiles(pixels, where),
                shape=(height, width, 3),
                dtype=np.uint8,
                tile=(_TILE, _TILE),
                photometric="rgb",
                compression="zlib",
            )
    except (KeyError, RuntimeError) as error:
        raise DatasetError(f"{where} cannot be read whole ({error}); write the store again.") from error


def _tiles(pixels: Any, where: str) -> Iterator[np.ndarray]:
    height, width, _ = pixels.shape
    for top in range(0, height, _TILE):
        band = rgb8(np.asarray(pixels[top : top + _TILE]), where)
        for left in range(0, width, _TILE):
            yield band[:, left : left + _TILE]
