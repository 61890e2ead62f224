"""An output folder of Space Ranger: its matrix, spot positions, scale factors and image become a Slide.

Pixels are those of the image that is used: the full-resolution image where it lies in the folder or beside it, else
`spatial/tissue_hires_image.png`, on which positions and pixel size are scaled.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from stbench.contract import READ_AS_IS, ReadingOptions
from stbench.errors import DatasetError
from stbench.slide import Slide

from .feature_matrices import MEX_PARTS, mex_files, read_feature_hdf5, read_feature_mex
from .full_images import full_image
from .image_scale import StatedScale
from .joining import SlideFacts, join_slide
from .parts import CountMatrix, SpotLabels
from .scale import ScaleSigns, hires_is_used, signs_of_factors
from .text import first_file, read_text
from .tissue_positions import read_tissue_positions
from .unmeasured import lacks_counts_alone, no_counts
from .visium_hd import bin_of, output_folder

_MATRIX_FOLDERS = ("filtered_feature_bc_matrix", "filtered_count_matrix")
_POSITIONS = ("tissue_positions.csv", "tissue_positions.parquet", "tissue_positions_list.csv")


def space_ranger_files(
    folder: Path, name: str | None = None, bin_um: float | None = None, beside: Iterable[Path] = ()
) -> dict[str, Path]:
    """The files of a slide that lie in `folder` (or in its `outs`), under the names that the reader takes.

    counts, or matrix, barcodes and features; positions; scale_factors; image (full resolution) or hires_image.
    name    the slide's, after which its image may be called
    bin_um  which bins of Visium HD, where there are several
    beside  further folders in which the image may lie
    Raises DatasetError where several files could be the matrix or the image, or bins are not chosen.
    """
    place = output_folder(folder, bin_um)
    spatial = place / "spatial"
    around = [up for up in place.parents if up == folder or folder in up.parents]
    found = {
        **_matrix_files(place),
        "positions": first_file(*(spatial / f"{name}{gz}" for name in _POSITIONS for gz in ("", ".gz"))),
        "scale_factors": first_file(spatial / "scalefactors_json.json"),
        "image": full_image(place, name, [*around, *beside]),
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
    platform: str | None = None,
    labels: SpotLabels | None = None,
    stated: StatedScale | None = None,
    reading: ReadingOptions = READ_AS_IS,
) -> Slide:
    """The slide of a Space Ranger folder's files; DatasetError where one lacks or is damaged.

    Without any file of counts it is a slide without genes. `stated` is the scale of the image that is used, and
    `platform` what it was measured with, where something surer than these files says so.
    """
    if not lacks_counts_alone(files, "positions") and (lacking := space_ranger_lacks(files)):
        raise DatasetError(f"Slide {slide} lacks {lacking}.")
    scale, signs = used_scale(files, stated)
    positions = files["positions"]
    places = read_tissue_positions(positions).scaled(scale)
    if signs.bin_microns is None:
        signs = signs._replace(bin_microns=bin_of(positions.parent.parent))
    image, warnings = files.get("image"), ()
    if image is None:
        image = files["hires_image"]
        warnings = (hires_is_used(slide, scale),)
    return join_slide(
        slide,
        no_counts(places) if lacks_counts_alone(files, "positions") else read_counts(files),
        places,
        image,
        SlideFacts(patient, platform, signs, warnings),
        labels=labels,
        reading=reading,
    )


def read_counts(files: Mapping[str, Path]) -> CountMatrix:
    """The counts in HDF5 or in a matrix folder, whichever the files hold."""
    return read_feature_hdf5(files["counts"]) if "counts" in files else read_feature_mex(files)


def used_scale(files: Mapping[str, Path], stated: StatedScale | None = None) -> tuple[float, ScaleSigns]:
    """Pixels of the image that is used per full-resolution pixel, and what the scale factors tell of its scale."""
    path = files["scale_factors"]
    try:
        factors = json.loads(read_text(path))
        scale = 1.0 if "image" in files else _positive(factors["tissue_hires_scalef"])
        return scale, signs_of_factors(lambda name: _positive_or_none(factors.get(name)), scale, stated)
    except KeyError as error:
        raise DatasetError(
            f"{path} has no {error}, so positions cannot be placed on {files['hires_image'].name}; "
            "add it, or the full-resolution image."
        ) from error
    except (ValueError, TypeError, AttributeError) as error:
        raise DatasetError(f"{path} holds no scale factors ({error}); copy or download it again.") from error


def _positive_or_none(value: float | None) -> float | None:
    return None if value is None else _positive(value)


def _positive(value: float) -> float:
    if not float(value) > 0:
        raise ValueError(f"{value} is not positive")
    return float(value)
