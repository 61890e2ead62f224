"""A tiny asymmetric slide in HEST-1k's layout, written without anndata: h5py after the .h5ad format, tifffile, text.

It is the slide of visium_files: each spot is painted in a red of its own, which is its count of the gene MARK.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import tifffile
import visium_files as visium

GENES = ("MARK", "TP53", "TP53B", "ZERO")
COUNTS = visium.COUNTS[:, :4]
PIXEL_SIZE = 0.2738


def write_slide(
    folder: Path, slide: str, *, dense: bool = False, metadata: Mapping[str, Any] | None = None, **image: Any
) -> None:
    """The .h5ad, the pyramid and the metadata of a slide; `dense` as HEST writes pooled transcripts."""
    for place in ("st", "wsis", "metadata"):
        (folder / place).mkdir(parents=True, exist_ok=True)
    write_h5ad(folder / "st" / f"{slide}.h5ad", dense)
    write_pyramid(folder / "wsis" / f"{slide}.tif", visium.paint(), **image)
    stated = {"id": slide, "pixel_size_um_embedded": 0.2645833, "pixel_size_um_estimated": PIXEL_SIZE}
    (folder / "metadata" / f"{slide}.json").write_text(json.dumps(stated if metadata is None else metadata))


def write_pyramid(path: Path, pixels: np.ndarray, compression: str = "zlib") -> None:
    """Full resolution, a half and a quarter, each tiled."""
    with tifffile.TiffWriter(path, bigtiff=True) as tiff:
        for step in (1, 2, 4):
            tiff.write(
                pixels[::step, ::step],
                tile=(64, 64),
                photometric="rgb",
                compression=compression,
                subfiletype=int(step > 1),
            )


def write_h5ad(path: Path, dense: bool = False) -> None:
    """X, obs, var, obsm/spatial (x, y) and uns/spatial/ST, with HEST's names; the last spot is not under tissue."""
    spots = visium.IN_TISSUE
    names = [f"{s.row:03}x{s.column:03}" for s in spots] if dense else visium.BARCODES
    with h5py.File(path, "w") as file:
        _encode(file, "anndata", "0.1.0")
        _write_counts(file, dense)
        _write_table(
            file,
            "obs",
            names,
            {
                "in_tissue": np.ones(len(spots), bool if dense else np.int64),
                "pxl_col_in_fullres": np.array([float(s.pixel_column) for s in spots]),
                "pxl_row_in_fullres": np.array([float(s.pixel_row) for s in spots]),
                "array_col": np.array([s.column for s in spots]),
                "array_row": np.array([s.row for s in spots]),
            },
        )
        _write_table(file, "var", GENES, {})
        _write_array(_group(file, "obsm"), "spatial", [[s.pixel_column, s.pixel_row] for s in spots])
        library = _group(_group(_group(file, "uns"), "spatial"), "ST")
        _write_array(_group(library, "images"), "downscaled_fullres", visium.paint(0.25))
        factors = _group(library, "scalefactors")
        for name, value in (
            ("tissue_downscaled_fullres_scalef", 0.25),
            ("spot_diameter_fullres", 55 / 0.2738),
        ):
            _write_array(factors, name, np.float64(value), "numeric-scalar")


def _encode(item: Any, kind: str, version: str = "0.2.0") -> None:
    item.attrs["encoding-type"], item.attrs["encoding-version"] = kind, version


def _group(parent: Any, name: str) -> h5py.Group:
    group = parent.create_group(name)
    _encode(group, "dict", "0.1.0")
    return group


def _write_array(parent: Any, name: str, values: Any, kind: str = "array") -> None:
    parent[name] = values
    _encode(parent[name], kind)


def _write_counts(file: h5py.File, dense: bool) -> None:
    if dense:
        _write_array(file, "X", COUNTS.astype(np.uint16))
        return
    rows, columns = np.nonzero(COUNTS)
    group = file.create_group("X")
    _encode(group, "csr_matrix", "0.1.0")
    group.attrs["shape"] = COUNTS.shape
    group["data"] = COUNTS[rows, columns].astype(np.float32)
    group["indices"] = columns.astype(np.int32)
    group["indptr"] = np.searchsorted(rows, np.arange(len(COUNTS) + 1)).astype(np.int32)


def _write_table(file: h5py.File, name: str, index: Any, columns: Mapping[str, np.ndarray]) -> None:
    group = file.create_group(name)
    _encode(group, "dataframe")
    group.attrs["_index"] = "_index"
    group.attrs["column-order"] = np.array(list(columns), dtype=h5py.string_dtype())
    group.create_dataset("_index", data=list(index), dtype=h5py.string_dtype())
    _encode(group["_index"], "string-array")
    for column, values in columns.items():
        _write_array(group, column, values)
