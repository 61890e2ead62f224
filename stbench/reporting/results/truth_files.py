"""One slide's truth for one gene panel as one file, named after its content, so that it is stored once."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from stbench.errors import StorageError
from stbench.files import replacing
from stbench.record import SlideTruth
from stbench.reporting.results.array_files import read_arrays

_ARRAYS = ("pixel_xy", "array_row_column", "counts", "totals", "scored")
_WORDS = ("genes", "spot_ids")


def save_truth(folder: Path, truth: SlideTruth) -> str:
    """Write the truth below `folder` unless it is there whole, and return the file's name."""
    arrays = _to_arrays(truth)
    name = f"{_digest(arrays)}.npz"
    if not _is_whole(folder / name):
        with replacing(folder / name) as temporary:
            np.savez_compressed(temporary, **arrays)  # type: ignore[arg-type]
    return name


def read_truth(path: Path) -> SlideTruth:
    """The truth in a file; StorageError where it is missing or is not what its name says."""
    arrays = read_arrays(path)
    if _digest(arrays) != path.stem:
        raise StorageError(f"{path} is damaged: its content is not the one that it is named after.")
    try:
        return _from_arrays(arrays)
    except (KeyError, TypeError, ValueError) as error:
        raise StorageError(f"{path} is no truth of this version of stbench: {error!r}.") from error


def _is_whole(path: Path) -> bool:
    try:
        read_truth(path)
    except StorageError:
        return False
    return True


def _to_arrays(truth: SlideTruth) -> dict[str, np.ndarray]:
    """Arrays without Python objects; what is not stated is an array that is not there."""
    arrays = {name: np.ascontiguousarray(getattr(truth, name)) for name in _ARRAYS}
    arrays |= {name: np.array(getattr(truth, name), dtype=np.str_) for name in _WORDS}
    arrays["slide"] = np.array(truth.slide)
    if truth.patient is not None:
        arrays["patient"] = np.array(truth.patient)
    if truth.annotation is not None:
        arrays["annotation"] = np.array(truth.annotation, dtype=np.str_)
    if truth.thumbnail is not None:
        arrays["thumbnail"] = np.array(truth.thumbnail, dtype=np.uint8)
        arrays["thumbnail_scale"] = np.array(truth.thumbnail_scale, dtype=np.float64)
    return arrays


def _from_arrays(arrays: dict[str, np.ndarray]) -> SlideTruth:
    return SlideTruth(
        slide=str(arrays["slide"]),
        patient=str(arrays["patient"]) if "patient" in arrays else None,
        genes=tuple(map(str, arrays["genes"])),
        spot_ids=tuple(map(str, arrays["spot_ids"])),
        **{name: arrays[name] for name in _ARRAYS},
        annotation=arrays.get("annotation"),
        thumbnail=arrays.get("thumbnail"),
        thumbnail_scale=float(arrays["thumbnail_scale"]) if "thumbnail_scale" in arrays else None,
    )


def _digest(arrays: dict[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype.str} {array.shape} ".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:32]
