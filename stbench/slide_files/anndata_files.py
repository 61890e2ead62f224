"""A slide in one .h5ad file: scanpy's Visium convention, with its own image beside it or inside.

Counts are `layers["counts"]` where that exists, else `X`; `obsm["spatial"]` is x, y in full-resolution pixels;
`uns["spatial"][library]` holds images and scale factors. An image file beside it must be the full-resolution one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image
from scipy import sparse

from stbench.errors import DatasetError
from stbench.slide import Slide

from .gene_names import unique_genes
from .image_cache import cached_image
from .joining import join_slide
from .parts import CountMatrix, SpotLabels, SpotPositions, whole_counts
from .space_ranger import SPOT_MICRONS
from .text import NO_VALUE, check_unique, numbers

if TYPE_CHECKING:
    from anndata import AnnData


def read_anndata(
    slide: str,
    files: Mapping[str, Path],
    *,
    patient: str | None,
    platform: str = "Visium",
    label_column: str | None = None,
    microns_per_pixel: float | None = None,
) -> Slide:
    """The slide in `files["h5ad"]` on the image `files["image"]`, else on the one inside; DatasetError if unusable.

    `label_column` of obs holds the pathologist's labels. Without `microns_per_pixel`, the spot diameter tells it.
    """
    path = files["h5ad"]
    data = _read(path)
    library = _library(data, path)
    image, scale = (files["image"], 1.0) if "image" in files else _inner_image(library, path)
    return join_slide(
        slide,
        _counts(data, path),
        _positions(data, path).scaled(scale),
        image,
        patient=patient,
        platform=platform,
        labels=None if label_column is None else _labels(data, label_column, path),
        microns_per_pixel=microns_per_pixel or _microns(library, scale, path),
    )


def _read(path: Path) -> AnnData:
    import anndata

    try:
        return anndata.read_h5ad(path)
    except Exception as error:  # anndata passes on whatever h5py and its own readers raise for a damaged file
        raise DatasetError(f"{path} cannot be read as .h5ad ({error}); copy or download it again.") from error


def _counts(data: AnnData, path: Path) -> CountMatrix:
    matrix: Any = data.layers.get("counts", data.X)
    if matrix is None or 0 in matrix.shape:
        raise DatasetError(f"{path} holds no counts: its shape is {data.shape}.")
    barcodes, genes = tuple(map(str, data.obs_names)), list(map(str, data.var_names))
    return CountMatrix(
        path, barcodes, unique_genes(genes, path), whole_counts(sparse.csr_matrix(matrix), path)
    )


def _positions(data: AnnData, path: Path) -> SpotPositions:
    if "spatial" not in data.obsm:
        raise DatasetError(f"{path} has no obsm['spatial'] with the spots' pixel positions, x then y.")
    obs: Any = data.obs
    if absent := [name for name in ("array_row", "array_col") if name not in obs]:
        raise DatasetError(f"{path} lacks the columns {', '.join(absent)} of obs; it has {', '.join(obs)}.")
    check_unique(list(data.obs_names), path, "spot id")
    array = numbers(obs[["array_row", "array_col"]]).to_numpy()
    if not np.isfinite(array).all():
        raise DatasetError(f"{path}: array_row and array_col of obs must be numbers for every spot.")
    kept = np.ones(data.n_obs, dtype=bool)
    if "in_tissue" in obs:
        kept = obs["in_tissue"].astype(str).isin(["1", "1.0", "True"]).to_numpy()
    if not kept.any():
        raise DatasetError(
            f"{path} marks none of its {data.n_obs} spots as under tissue (obs['in_tissue'] = 1)."
        )
    return SpotPositions(
        file=path,
        spot_ids=tuple(np.array(data.obs_names, dtype=object)[kept]),
        array_row_column=array[kept].astype(int),
        pixel_xy=np.asarray(data.obsm["spatial"], dtype=float)[kept, :2],
        n_outside_tissue=int((~kept).sum()),
    )


def _library(data: AnnData, path: Path) -> Mapping[str, Any]:
    """The one entry of uns["spatial"]; an empty one where there is none."""
    libraries = data.uns.get("spatial", {})
    if len(libraries) > 1:
        raise DatasetError(
            f"{path} holds several slides in uns['spatial']: {', '.join(libraries)}; write a file for each."
        )
    return next(iter(libraries.values()), {})


def _inner_image(library: Mapping[str, Any], path: Path) -> tuple[Path, float]:
    """The image hires inside the file, written to the cache once, and its pixels per full-resolution pixel."""
    pixels = library.get("images", {}).get("hires")
    if pixels is None:
        raise DatasetError(
            f"{path} holds no image (uns['spatial'][library]['images']['hires']); "
            "place the full-resolution image beside it."
        )
    scale = _number(library.get("scalefactors", {}), "tissue_hires_scalef", path)
    if scale is None:
        raise DatasetError(
            f"{path} has no scale factor tissue_hires_scalef, so positions cannot be placed on its image."
        )
    return cached_image(path, ".png", partial(_write_png, _rgb(np.asarray(pixels), path))), scale


def _rgb(pixels: np.ndarray, path: Path) -> np.ndarray:
    """(height, width, 3) uint8 of an image in 0..255 or, as fractions, in 0..1."""
    if pixels.ndim != 3 or pixels.shape[2] not in (3, 4):
        raise DatasetError(
            f"{path}: its image has the shape {pixels.shape}; height, width and 3 colours are needed."
        )
    pixels = pixels[..., :3]
    if pixels.dtype == np.uint8:
        return pixels
    if not (pixels.dtype.kind == "f" and pixels.min() >= 0 and pixels.max() <= 1):
        raise DatasetError(f"{path}: its image is neither of whole numbers 0 to 255 nor of fractions 0 to 1.")
    return np.rint(pixels * 255).astype(np.uint8)


def _write_png(pixels: np.ndarray, path: Path) -> None:
    Image.fromarray(np.ascontiguousarray(pixels)).save(path, format="PNG", compress_level=1)


def _microns(library: Mapping[str, Any], scale: float, path: Path) -> float | None:
    """Microns per pixel that the diameter of a spot tells, None where it does not.

    HEST writes diameters of 55 or 100 um in the place of Space Ranger's 65, and does not say which.
    """
    factors = library.get("scalefactors", {})
    spot = _number(factors, "spot_diameter_fullres", path)
    by_hest = "tissue_downscaled_fullres_scalef" in factors
    return None if spot is None or by_hest else SPOT_MICRONS / spot / scale


def _number(factors: Mapping[str, Any], name: str, path: Path) -> float | None:
    """A scale factor; DatasetError where it is there and no positive number."""
    if name not in factors:
        return None
    try:
        value = float(np.asarray(factors[name]).item())
    except (TypeError, ValueError):
        value = float("nan")
    if not value > 0:
        raise DatasetError(
            f"{path}: the scale factor {name} is {factors[name]}; a positive number is needed."
        )
    return value


def _labels(data: AnnData, column: str, path: Path) -> SpotLabels:
    obs: Any = data.obs
    if column not in obs:
        raise DatasetError(f"{path} has no column {column!r} of obs for the labels; it has {', '.join(obs)}.")
    values = obs[column].astype(str).replace(list(NO_VALUE), "")
    return SpotLabels(path, dict(zip(map(str, data.obs_names), values, strict=True)))


def write_scrambled(
    path: Path, scramble: Callable[[sparse.csr_matrix], sparse.csr_matrix], target: Path
) -> None:
    """Write the .h5ad file to `target` with `scramble` of its counts in their place; everything else stays."""
    data = _read(path)
    data.X = scramble(_counts(data, path).counts)
    if "counts" in data.layers:
        data.layers["counts"] = data.X
    del data.raw
    data.write_h5ad(target)
