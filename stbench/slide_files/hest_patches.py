"""The patches that HEST cuts itself: an HDF5 file with images, their coordinates and the barcodes of their spots.

They are not what methods see, which is cut from the slide's image by one rule for all datasets. They serve to check
that the spots of the .h5ad lie where HEST's authors saw them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from stbench.contract import PublishedPatches
from stbench.errors import DatasetError

# HEST cuts 224 pixels of half a micron each.
_MICRONS = 112.0


def read_hest_patches(path: Path) -> PublishedPatches:
    """The barcodes in a patch file, and a way to read some of its images; DatasetError where it is none."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            images: Any = file["img"]
            barcodes = [_text(value) for value in np.asarray(file["barcode"]).ravel()]
            shape = images.shape
    except (OSError, KeyError, AttributeError) as error:
        raise DatasetError(f"{path} is no patch file of HEST ({error}); download it again.") from error
    if len(shape) != 4 or shape[0] != len(barcodes) or shape[3] != 3:
        raise DatasetError(f"{path} holds images of shape {shape} for {len(barcodes)} barcodes.")
    return PublishedPatches(tuple(barcodes), partial(_images, path), _MICRONS)


def _images(path: Path, indices: Sequence[int]) -> np.ndarray:
    """(k, edge, edge, 3) uint8 images of a patch file."""
    import h5py

    with h5py.File(path, "r") as file:
        images: Any = file["img"]
        return np.stack([images[index] for index in indices])


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
