"""The H&E picture in a folder of molecules, and the matrix that lays it over the platform's own pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from stbench.errors import DatasetError
from stbench.pictures.suffixes import image_stem, image_suffix

from .tables import read_rows

_NAMES = ("he", "image", "he_image")
_ENDS = ("_he", "_he_image", "_image")
_NEVER = ("morphology", "if_image")  # fluorescence


def aligned_files(folder: Path) -> dict[str, Path]:
    """`image` and its `alignment`, where they are there; DatasetError for several pictures.

    The picture is called NAME_he_image, NAME_he, he or image, with any suffix of a picture; the matrix of
    X.ome.tif is Xalignment.csv, as 10x Genomics calls it.
    """
    found = [path for path in sorted(folder.iterdir()) if path.is_file() and _is_histology(path.name)]
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise DatasetError(f"{folder} holds several pictures: {names}; keep the H&E of this section.")
    if not found:
        return {}
    alignment = folder / f"{image_stem(found[0].name)}alignment.csv"
    return {"image": found[0]} | ({"alignment": alignment} if alignment.is_file() else {})


def _is_histology(name: str) -> bool:
    stem = image_stem(name).lower()
    named = stem in _NAMES or stem.endswith(_ENDS)
    return bool(image_suffix(name)) and named and not stem.startswith(_NEVER) and not stem.endswith(_NEVER)


def read_alignment(path: Path) -> np.ndarray:
    """(3, 3) affine matrix from pixels of the picture to the platform's pixels; DatasetError for anything else."""
    try:
        matrix = np.array([[float(cell) for cell in row] for row in read_rows(path)])
    except ValueError:
        matrix = np.zeros(0)
    if matrix.shape != (3, 3) or not np.isfinite(matrix).all() or matrix[2].tolist() != [0, 0, 1]:
        raise DatasetError(
            f"{path} is no alignment: three rows of three numbers are needed, the last 0, 0, 1."
        )
    return matrix
