"""An output folder of Space Ranger: its matrix, spot positions, scale factors and image become a Slide.

Pixels are those of the image that is used: the full-resolution image where it lies in the folder, else
`spatial/tissue_hires_image.png`, on which positions and pixel size are scaled.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from stbench.errors import DatasetError
from stbench.slide import Slide

from .feature_matrices import MEX_PARTS, mex_files, read_feature_hdf5, read_feature_mex
from .images import SUFFIXES
from .joining import join_slide
from .parts import CountMatrix, SpotLabels
from .text import first_file, read_text
from .tissue_positions import read_tissue_positions

# Space Ranger writes the pixels across a spot of 65 um in theory, more than the 55 um that are printed: with 65,
# neighbouring spots come out at their known distance of 100 um.
SPOT_MICRONS = 65.0
_MATRIX_FOLDERS = ("filtered_feature_bc_matrix", "filtered_count_matrix")
_POSITIONS = ("tissue_positions.csv", "tissue_positions.parquet", "tissue_positions_list.csv")


def space_ranger_files(folder: Path) -> dict[str, Path]:
    """The files of a slide that lie in `folder` (or in its `outs`), under the names that the reader takes.

    counts, or matrix, barcodes and features; positions; scale_factors; image (full resolution) or hires_image.
    Raises DatasetError where several files could be the matrix or the image.
    """
    folder = folder / "outs" if (folder / "outs").is_dir() else folder
    spatial = folder / "spatial"
    found = {
        **_matrix_files(folder),
        "positions": first_file(*(spatial / f"{name}{gz}" for name in _POSITIONS for gz in ("", ".gz"))),
        "scale_factors": first_file(spatial / "scalefactors_json.json"),
        "image": full_image(folder),
    }
    if found["image"] is None:
        found["hires_image"] = first_file(spatial / "tissue_hires_image.png")
    return {name: path for name, path in found.items() if path is not None}


def _matrix_files(folder: Path) -> dict[str, Path]:
    """The one HDF5 file of filtered counts, else the parts of a matrix folder."""
    name = "filtered_feature_bc_matrix.h5"
    files = [folder / name] if (folder / name).is_file() else sorted(folder.glob(f"*_{name}"))
    if len(files) > 1:
        raise DatasetError(f"{folder} holds several matrices: {_names(files)}; keep the slide's.")
    if files:
        return {"counts": files[0]}
    folders = (mex_files(folder / name) for name in _MATRIX_FOLDERS)
    return next(filter(None, folders), {})


def full_image(folder: Path) -> Path | None:
    """The one image right in `folder`: image.*, else *_image.*, else the only one there; None without any."""
    images = [
        path
        for path in (sorted(folder.iterdir()) if folder.is_dir() else ())
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
    ]
    named = [path for path in images if path.stem == "image"]
    candidates = named or [path for path in images if path.stem.endswith("_image")] or images
    if len(candidates) > 1:
        raise DatasetError(
            f"{folder} holds several images: {_names(candidates)}; "
            f"name the full-resolution one image{candidates[0].suffix}."
        )
    return candidates[0] if candidates else None


def _names(paths: list[Path]) -> str:
    return ", ".join(path.name for path in paths)


def space_ranger_lacks(files: Mapping[str, Path]) -> str:
    """What those files lack to be a slide, in words; "" where they are complete."""
    lacking = []
    if "counts" not in files:
        absent = [f"{' or '.join(names)}[.gz]" for part, names in MEX_PARTS.items() if part not in files]
        if len(absent) == len(MEX_PARTS):
            lacking.append("filtered_feature_bc_matrix.h5 (or the folder of that name)")
        elif absent:
            lacking.append(f"{', '.join(absent)} in its matrix folder")
    if "positions" not in files:
        lacking.append(f"spatial/{_POSITIONS[0]} (or {_POSITIONS[2]})")
    if "scale_factors" not in files:
        lacking.append("spatial/scalefactors_json.json")
    if "image" not in files and "hires_image" not in files:
        lacking.append("a full-resolution image (or spatial/tissue_hires_image.png)")
    return ", ".join(lacking)


def read_space_ranger(
    slide: str,
    files: Mapping[str, Path],
    *,
    patient: str | None,
    labels: SpotLabels | None = None,
    microns_per_pixel: float | None = None,
) -> Slide:
    """The slide of a Space Ranger folder's files; DatasetError where one lacks or is damaged.

    `microns_per_pixel` of the image that is used, where it is known better than from the size of a spot.
    """
    if lacking := space_ranger_lacks(files):
        raise DatasetError(f"Slide {slide} lacks {lacking}.")
    scale, known = used_scale(files)
    return join_slide(
        slide,
        read_counts(files),
        read_tissue_positions(files["positions"]).scaled(scale),
        files.get("image") or files["hires_image"],
        patient=patient,
        platform="Visium",
        labels=labels,
        microns_per_pixel=microns_per_pixel or known,
    )


def read_counts(files: Mapping[str, Path]) -> CountMatrix:
    """The counts in HDF5 or in a matrix folder, whichever the files hold."""
    return read_feature_hdf5(files["counts"]) if "counts" in files else read_feature_mex(files)


def used_scale(files: Mapping[str, Path]) -> tuple[float, float | None]:
    """Pixels of the image that is used per full-resolution pixel, and its microns per pixel where a spot tells."""
    path = files["scale_factors"]
    try:
        factors = json.loads(read_text(path))
        scale = 1.0 if "image" in files else _positive(factors["tissue_hires_scalef"])
        spot = factors.get("spot_diameter_fullres")
        return scale, None if spot is None else SPOT_MICRONS / _positive(spot) / scale
    except KeyError as error:
        raise DatasetError(
            f"{path} has no {error}, so positions cannot be placed on {files['hires_image'].name}; "
            "add it, or the full-resolution image."
        ) from error
    except (ValueError, TypeError, AttributeError) as error:
        raise DatasetError(f"{path} holds no scale factors ({error}); copy or download it again.") from error


def _positive(value: float) -> float:
    if not float(value) > 0:
        raise ValueError(f"{value} is not positive")
    return float(value)
