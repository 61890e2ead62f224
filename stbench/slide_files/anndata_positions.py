"""Where the spots of an .h5ad file lie: obsm["spatial"] in whatever form, and array_row, array_col of obs."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse

from stbench.errors import DatasetError

from .lattice import lattice_rows_columns
from .parts import SpotPositions
from .tables import check_unique, find_column, numbers

if TYPE_CHECKING:
    from anndata import AnnData

log = logging.getLogger(__name__)
_PLACES = ("spatial", "X_spatial")
_X_NAMES = (
    "x",
    "pxl_col_in_fullres",
    "imagecol",
    "image_col",
    "pixel_x",
    "x_pixel",
    "spatial_x",
    "x_coord",
    "col",
)
_Y_NAMES = (
    "y",
    "pxl_row_in_fullres",
    "imagerow",
    "image_row",
    "pixel_y",
    "y_pixel",
    "spatial_y",
    "y_coord",
    "row",
)
_UNNAMED = ({"0", "1"}, {"spatial1", "spatial2"}, {"spatial_1", "spatial_2"})
_ARRAY_NAMES = {
    "array_row": ("array_row", "arrayrow"),
    "array_col": ("array_col", "arraycol", "array_column"),
}
_UNDER_TISSUE = ("1", "1.0", "true")


def read_positions(data: AnnData, path: Path) -> tuple[SpotPositions, tuple[str, ...]]:
    """The spots under tissue, in the pixels of the file, and sentences on what had to be inferred.

    DatasetError where positions are absent or no numbers, or lie on no lattice and the array's rows lack.
    """
    xy = _pixel_xy(data, path)
    check_unique(list(data.obs_names), path, "spot id")
    kept = _under_tissue(data, path)
    array, doubts = _array(data, path, xy, kept)
    positions = SpotPositions(
        file=path,
        spot_ids=tuple(np.array(data.obs_names, dtype=object)[kept]),
        array_row_column=array,
        pixel_xy=xy[kept],
        n_outside_tissue=int((~kept).sum()),
    )
    return positions, doubts


def _pixel_xy(data: AnnData, path: Path) -> np.ndarray:
    """(n, 2) pixels, x then y."""
    place = next((name for name in _PLACES if name in data.obsm), None)
    if place is None:
        has = f"; obsm has {', '.join(data.obsm)}" if len(data.obsm) else ""
        raise DatasetError(f"{path} has no obsm['spatial'] with the spots' pixel positions, x then y{has}.")
    values = data.obsm[place]
    where = f"{path}: obsm[{place!r}]"
    if isinstance(values, pd.DataFrame):
        values = _named_xy(values, where)
    if sparse.issparse(values):
        raise DatasetError(f"{where} is a sparse matrix; an array of numbers, x then y, is needed.")
    values = np.asarray(values)
    if values.ndim != 2 or values.shape[1] < 2 or values.dtype.kind not in "biuf":
        raise DatasetError(
            f"{where} holds {values.dtype} values of shape {values.shape}; "
            "two numbers for each spot, x then y, are needed."
        )
    xy = values[:, :2].astype(float)
    if not np.isfinite(xy).all():
        spot = data.obs_names[int(np.argmin(np.isfinite(xy).all(axis=1)))]
        raise DatasetError(f"{where} has no position for spot {spot}; leave the spot out or add its pixels.")
    return xy


def _named_xy(table: pd.DataFrame, where: str) -> np.ndarray:
    """The columns of a table that are x and y by their names."""
    columns = {str(column): column for column in table}
    x, y = find_column(columns, _X_NAMES), find_column(columns, _Y_NAMES)
    if (x is None or y is None) and set(columns) in _UNNAMED:
        x, y = columns
    if x is None or y is None:
        raise DatasetError(
            f"{where} has the columns {', '.join(columns) or 'none'}; x and y (or imagecol and imagerow, "
            "or pxl_col_in_fullres and pxl_row_in_fullres) are needed."
        )
    log.info("%s: the column %s is taken as x, %s as y", where, x, y)
    return numbers(
        pd.DataFrame({"x": table[columns[x]].astype(str), "y": table[columns[y]].astype(str)})
    ).to_numpy()


def _under_tissue(data: AnnData, path: Path) -> np.ndarray:
    """(n,) True for spots under tissue; all are where obs does not say."""
    obs: Any = data.obs
    if "in_tissue" not in obs:
        return np.ones(data.n_obs, dtype=bool)
    kept = obs["in_tissue"].astype(str).str.lower().isin(_UNDER_TISSUE).to_numpy()
    if not kept.any():
        raise DatasetError(
            f"{path} marks none of its {data.n_obs} spots as under tissue (obs['in_tissue'] = 1)."
        )
    return kept


def _array(data: AnnData, path: Path, xy: np.ndarray, kept: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """(n kept, 2) array rows and columns as obs holds them, else as the lattice of the positions tells."""
    obs: Any = data.obs
    found = {name: find_column(obs, names) for name, names in _ARRAY_NAMES.items()}
    absent = [name for name, column in found.items() if column is None]
    if not absent:
        return _stated_array(obs.filter(items=found.values()), path)[kept], ()
    inferred = lattice_rows_columns(xy[kept])
    if inferred is None:
        raise DatasetError(
            f"{path} lacks the columns {', '.join(absent)} of obs, and its spots lie on no square or hexagonal "
            f"lattice that could tell them; it has {', '.join(obs) or 'none'}."
        )
    return inferred.row_column, (
        f"obs has no {' and no '.join(absent)}: rows and columns were told from the positions, which form a "
        f"{inferred.kind} lattice",
    )


def _stated_array(cells: pd.DataFrame, path: Path) -> np.ndarray:
    array = numbers(cells.astype(str)).to_numpy()
    if not (np.isfinite(array) & (array % 1 == 0)).all():
        raise DatasetError(f"{path}: array_row and array_col of obs must be whole numbers for every spot.")
    return array.astype(int)
