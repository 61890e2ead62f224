"""Predictions in files: AnnData, a table, QuPath's GeoJSON, SpatialData. Each appears whole or not at all."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from stbench.errors import UsageError, needs_package
from stbench.files import make_folder, replacing

if TYPE_CHECKING:
    from anndata import AnnData

# Corners of the polygon that stands for a spot's circle.
_CORNERS = 16


def check_target(to: Path, n_slides: int | None = None) -> None:
    """UsageError for a file that cannot be written: of an unknown kind, or of several slides where one fits."""
    kind = _kind(to)
    if kind not in _WRITERS:
        raise UsageError(
            f"--to {to} is of no kind that can be written; it must end in {', '.join(_WRITERS)}."
        )
    if kind == ".geojson" and n_slides is not None and n_slides != 1:
        raise UsageError(
            f"A GeoJSON file is of one image, and {n_slides} slides are given; predict them one by one."
        )
    if kind == ".zarr":
        _spatialdata()
    elif to.is_dir():
        raise UsageError(f"--to {to} is a folder; give the file that predictions are to be written to.")
    make_folder(to.absolute().parent)


def write(data: AnnData, to: Path) -> None:
    """Write predictions to `to` in the form that its name asks for; StorageError where that cannot be."""
    _WRITERS[_kind(to)](data, to)


def _kind(to: Path) -> str:
    name = to.name.lower()
    return next((kind for kind in _WRITERS if name.endswith(kind)), to.suffix.lower())


def _anndata(data: AnnData, to: Path) -> None:
    with replacing(to) as temporary:
        data.write_h5ad(temporary, compression="gzip")


def _table(data: AnnData, to: Path) -> None:
    """A row a spot: slide, array position, pixels, then each gene's predicted log value."""
    places = pd.DataFrame(data.obs)[["slide", "array_row", "array_col"]].copy()
    places["pixel_x"], places["pixel_y"] = np.asarray(data.obsm["spatial"]).T
    whole = places.join(data.to_df().round(5))
    with replacing(to) as temporary:
        whole.to_csv(temporary, index_label="spot", compression="gzip" if to.suffix == ".gz" else None)


def _geojson(data: AnnData, to: Path) -> None:
    """A detection of QuPath's a spot, in pixels of the full-resolution image, each gene a measurement."""
    (picture,) = data.uns["spatial"].values()
    radius = picture["scalefactors"]["spot_diameter_fullres"] / 2
    angles = np.linspace(0, 2 * np.pi, _CORNERS + 1)
    circle = radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    circle[-1] = circle[0]  # closed, to the last digit
    genes, values = list(data.var_names), np.asarray(data.X)
    places = np.asarray(data.obsm["spatial"])
    with replacing(to) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write('{"type": "FeatureCollection", "features": [\n')
        for i, (name, place) in enumerate(zip(data.obs_names, places, strict=True)):
            measured = dict(zip(genes, np.round(values[i].astype(float), 4).tolist(), strict=True))
            feature = _detection(str(name), (place + circle).round(1).tolist(), measured)
            file.write(json.dumps(feature) + (",\n" if i + 1 < len(places) else "\n"))
        file.write("]}\n")


def _detection(name: str, corners: list[list[float]], measured: dict[str, float]) -> dict[str, Any]:
    return {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": [corners]},
        "properties": {"objectType": "detection", "name": name, "measurements": measured},
    }


def _spatialdata() -> Any:
    with needs_package("spatialdata", "Writing .zarr", "Predictions are written to .h5ad without it."):
        import spatialdata  # pyright: ignore[reportMissingImports]
    return spatialdata


def _zarr(data: AnnData, to: Path) -> None:
    """SpatialData: each slide's picture and spots, and one table that annotates the spots."""
    spatialdata = _spatialdata()
    from spatialdata.models import (  # pyright: ignore[reportMissingImports]
        Image2DModel,
        ShapesModel,
        TableModel,
    )
    from spatialdata.transformations import Identity, Scale  # pyright: ignore[reportMissingImports]

    images, shapes = {}, {}
    for slide, about in data.uns["spatial"].items():
        factors, rows = about["scalefactors"], (data.obs["slide"] == slide).to_numpy()
        name, scale = _safe(slide), 1 / factors["tissue_hires_scalef"]
        images[f"{name}_image"] = Image2DModel.parse(
            np.moveaxis(about["images"]["hires"], 2, 0),
            dims=("c", "y", "x"),
            transformations={name: Scale([scale, scale], axes=("x", "y"))},
        )
        shapes[f"{name}_spots"] = ShapesModel.parse(
            np.asarray(data.obsm["spatial"])[rows],
            geometry=0,
            radius=factors["spot_diameter_fullres"] / 2,
            index=data.obs_names[rows],
            transformations={name: Identity()},
        )
    table = data.copy()
    table.obs["region"] = [f"{_safe(slide)}_spots" for slide in table.obs["slide"]]
    table.obs["region"] = table.obs["region"].astype("category")
    table.obs["spot"] = list(table.obs_names)
    table = TableModel.parse(table, region=list(shapes), region_key="region", instance_key="spot")
    whole = spatialdata.SpatialData(images=images, shapes=shapes, tables={"predictions": table})
    _written_folder(to, lambda temporary: whole.write(temporary))


def _safe(name: str) -> str:
    """A slide's name as SpatialData allows names: letters, digits, dots, hyphens and underscores."""
    return "".join(letter if letter.isalnum() or letter in "._-" else "_" for letter in name)


def _written_folder(to: Path, write_to: Callable[[Path], None]) -> None:
    """Have a folder written beside `to` and put in its place; UsageError where one is there already."""
    if to.exists():
        raise UsageError(f"--to {to} is there already; remove it, or give another name.")
    temporary = to.with_name(f".{to.name}.{uuid.uuid4().hex}.zarr")
    try:
        write_to(temporary)
        temporary.rename(to)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


_WRITERS: dict[str, Callable[[Any, Path], None]] = {
    ".h5ad": _anndata,
    ".csv": _table,
    ".csv.gz": _table,
    ".geojson": _geojson,
    ".zarr": _zarr,
}
