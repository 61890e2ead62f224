"""A slide in one .h5ad file: scanpy's Visium convention, with its own image beside it or inside.

anndata_counts     counts are layers["counts"], X or raw, whichever holds whole numbers
anndata_positions  obsm["spatial"] is x, y in full-resolution pixels; the array's rows and columns stand in obs
anndata_library    uns["spatial"][library] holds images and scale factors

An image file beside it must be the full-resolution one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from scipy import sparse

from stbench.contract import READ_AS_IS, ReadingOptions
from stbench.errors import DatasetError
from stbench.slide import Slide

from .anndata_counts import read_counts
from .anndata_library import Library, Picture
from .anndata_positions import read_positions
from .image_scale import StatedScale
from .joining import SlideFacts, join_slide
from .missing_words import known
from .parts import SpotLabels
from .scale import hires_is_used
from .tables import find_column

if TYPE_CHECKING:
    from anndata import AnnData

log = logging.getLogger(__name__)
# What a slide is made of; all else in a file may be damaged or of another version of anndata.
_NEEDED = ("X", "obs", "var", "layers", "raw", "obsm/spatial", "obsm/X_spatial", "uns/spatial")


def read_anndata(
    slide: str,
    files: Mapping[str, Path],
    *,
    patient: str | None,
    platform: str | None = None,
    label_column: str | None = None,
    stated: StatedScale | None = None,
    reading: ReadingOptions = READ_AS_IS,
) -> Slide:
    """The slide in `files["h5ad"]` on the image `files["image"]`, else on the one inside; DatasetError if unusable.

    `label_column` of obs holds the pathologist's labels. Without a `stated` scale, the scale factors inside or the
    image tell it; without a platform, where the spots lie.
    """
    path = files["h5ad"]
    data = _read(path)
    library = Library(data, path)
    picture = Picture(files["image"], 1.0) if "image" in files else library.picture()
    counts, doubts = read_counts(data, path)
    positions, inferred = read_positions(data, path)
    enlarged = library.positions_scale(positions)
    warnings = (*doubts, *inferred, _in_hires_pixels(enlarged), _fallback(picture, path))
    return join_slide(
        slide,
        counts,
        positions.scaled(enlarged * picture.scale),
        picture.file,
        SlideFacts(patient, platform, library.signs(picture.scale, stated), tuple(filter(None, warnings))),
        labels=None if label_column is None else _labels(data, label_column, path),
        reading=reading,
    )


def _in_hires_pixels(enlarged: float) -> str:
    if enlarged == 1:
        return ""
    return (
        "obsm['spatial'] counts pixels of the hires image, by the distance of its spots; "
        f"it was enlarged by {enlarged:.4g} to the full resolution"
    )


def _fallback(picture: Picture, path: Path) -> str:
    return "" if picture.scale == 1 else hires_is_used(path.name, picture.scale)


def _read(path: Path) -> AnnData:
    import anndata

    try:
        return anndata.read_h5ad(path)
    except Exception as error:  # anndata passes on whatever h5py and its own readers raise for a damaged file
        try:
            data = _read_needed(path)
        except Exception:
            raise DatasetError(
                f"{path} cannot be read as .h5ad ({error}); copy or download it again."
            ) from error
        log.warning("%s: parts of it that are not needed cannot be read (%s)", path.name, error)
        return data


def _read_needed(path: Path) -> AnnData:
    """The parts of a file that a slide is made of, one by one."""
    import anndata
    import h5py

    # Versions before 0.11 have it elsewhere.
    read_elem: Any = (anndata.io if hasattr(anndata, "io") else anndata.experimental).read_elem
    with h5py.File(path, "r") as file:
        parts: dict[str, Any] = {name: read_elem(file[name]) for name in _NEEDED if name in file}
    inside: dict[str, Any] = {group: _below(parts, group) for group in ("obsm", "uns")}
    whole: dict[str, Any] = {name: parts.get(name) for name in ("X", "obs", "var", "layers", "raw")}
    return anndata.AnnData(**whole, **inside)


def _below(parts: Mapping[str, Any], group: str) -> dict[str, Any]:
    """The parts whose names begin with a group's, by the rest of their names."""
    return {
        name.removeprefix(f"{group}/"): part for name, part in parts.items() if name.startswith(f"{group}/")
    }


def _labels(data: AnnData, column: str, path: Path) -> SpotLabels:
    obs: Any = data.obs
    found = find_column(obs, [column])
    if found is None:
        raise DatasetError(f"{path} has no column {column!r} of obs for the labels; it has {', '.join(obs)}.")
    values = map(known, obs[found].astype(str))
    return SpotLabels(path, dict(zip(map(str, data.obs_names), values, strict=True)))


def write_scrambled(
    path: Path, scramble: Callable[[sparse.csr_matrix], sparse.csr_matrix], target: Path
) -> None:
    """Write the slide of an .h5ad file to `target` with `scramble` of its counts as X.

    Spots, genes, labels, positions and images stay; whatever else was computed from the counts is left out.
    """
    import anndata

    data: Any = _read(path)
    counts, _ = read_counts(data, path)
    genes: Any = pd.DataFrame(index=pd.Index(counts.genes, dtype=object))
    noise = anndata.AnnData(
        scramble(counts.counts),
        obs=data.obs,
        var=genes,
        obsm={name: data.obsm[name] for name in ("spatial", "X_spatial") if name in data.obsm},
        uns={"spatial": data.uns["spatial"]} if "spatial" in data.uns else {},
    )
    noise.write_h5ad(target)
