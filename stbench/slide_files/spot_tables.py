"""Where ST spots lie and how they are labelled, as text tables: selection files, spot tables, label files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from stbench.errors import DatasetError

from .missing_words import known
from .parts import SpotLabels, SpotPositions
from .tables import check_unique, find_column, id_column, numbers, read_columns, read_table

_PIXELS = ["pixel_x", "pixel_y"]
_SURE_ID_NAMES = ("barcode", "barcodes", "spot_id", "spotid", "spot")
_ID_NAMES = (*_SURE_ID_NAMES, "", "id", "cell_id", "index")
_OTHER_NAMES = {
    "barcode": _ID_NAMES[1:],
    "array_x": ("array_col",),
    "array_y": ("array_row",),
    "pixel_x": ("pxl_col_in_fullres", "imagecol"),
    "pixel_y": ("pxl_row_in_fullres", "imagerow"),
}


def read_selection(path: Path) -> SpotPositions:
    """A spot selection file: x, y (array), pixel_x, pixel_y (full image), and selected = 1 under tissue.

    A spot's id is "XxY". Array column is x, row is y.
    """
    cells = read_columns(path, ["x", "y", *_PIXELS], optional=["selected"])
    table = _positions(cells, path, ["x", "y"])
    names = _names(table)
    return _under_tissue(path, names, table, ["x", "y"], "selected")


def read_spot_table(path: Path) -> SpotPositions:
    """A spot table: barcode, array_x, array_y, pixel_x, pixel_y; spots with in_tissue 0 are left out."""
    array = ["array_x", "array_y"]
    cells = read_columns(path, ["barcode", *array, *_PIXELS], ["in_tissue"], _OTHER_NAMES)
    table = _positions(cells.drop(columns="barcode"), path, array)
    return _under_tissue(path, cells["barcode"].tolist(), table, array, "in_tissue")


def _positions(cells: pd.DataFrame, path: Path, array: list[str]) -> pd.DataFrame:
    """The cells as numbers; DatasetError for the first row that is no position."""
    table = numbers(cells)
    readable = np.isfinite(table.to_numpy()).all(axis=1) & (table[array].to_numpy() % 1 == 0).all(axis=1)
    if not readable.all():
        row = dict(cells.iloc[int(np.argmin(readable))])
        raise DatasetError(
            f"{path}: {row} is no position; {' and '.join(array)} are whole numbers, the others numbers."
        )
    return table


def _under_tissue(
    path: Path, names: Sequence[str], table: pd.DataFrame, array_xy: list[str], mark: str
) -> SpotPositions:
    """The positions of those spots that the column `mark`, if there is one, holds 1 for."""
    check_unique(names, path, "spot id")
    kept = (table[mark] == 1).to_numpy() if mark in table else np.ones(len(table), dtype=bool)
    if not kept.any():
        raise DatasetError(
            f"{path} names no spot under tissue among its {len(table)}; no slide can be made of it."
        )
    return SpotPositions(
        file=path,
        spot_ids=tuple(np.array(names, dtype=object)[kept]),
        array_row_column=table.loc[kept, array_xy[::-1]].to_numpy(int),
        pixel_xy=table.loc[kept, _PIXELS].to_numpy(float),
        n_outside_tissue=int((~kept).sum()),
    )


def read_coordinate_labels(path: Path) -> SpotLabels:
    """Labels by array position (x, y, label), rounded to the spot "XxY"; rows without a position are skipped."""
    cells = read_columns(path, ["x", "y", "label"])
    xy = numbers(cells.drop(columns="label")).round()
    placed = ~xy.isna().to_numpy().any(axis=1)
    names = _names(xy.loc[placed])
    check_unique(names, path, "spot")
    return SpotLabels(path, dict(zip(names, map(known, cells["label"][placed]), strict=True)))


def read_spot_labels(path: Path, column: str | None = None) -> SpotLabels:
    """Labels by spot id: the table's column `barcode`, else one like it, else its first, and the label column.

    `column` names the label column; without it, it is `label`, else the only other column. Words for nothing known
    are no label.
    """
    table = read_table(path)
    names = list(table)
    ids = id_column(table, (*_SURE_ID_NAMES, *names[:1]), path) if names else ""
    others = [name for name in names if name != ids]
    wanted = find_column(others, [column or "label"])
    if wanted is None and column is None and len(others) == 1:
        wanted = others[0]
    if wanted is None:
        raise DatasetError(
            f"{path} has no column {column or 'label'!r} for the labels; it has {', '.join(names) or 'none'}."
        )
    check_unique(table[ids].tolist(), path, "spot")
    return SpotLabels(path, dict(zip(table[ids], map(known, table[wanted]), strict=True)))


def _names(table: pd.DataFrame) -> list[str]:
    return [f"{x:.0f}x{y:.0f}" for x, y in zip(table["x"], table["y"], strict=True)]
