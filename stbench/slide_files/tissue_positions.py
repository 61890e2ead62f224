"""Where Visium spots lie: Space Ranger's tissue positions, version 1, version 2 and Parquet."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from stbench.errors import DatasetError

from .parts import SpotPositions
from .tables import check_unique, numbers, read_rows

# In the order of version 1, which has no header. Row comes before column; pixels are (x, y) = (column, row).
COLUMNS = ["barcode", "in_tissue", "array_row", "array_col", "pxl_row_in_fullres", "pxl_col_in_fullres"]


def read_tissue_positions(path: Path) -> SpotPositions:
    """The spots under tissue, in pixels of the full-resolution image; DatasetError where there are none."""
    cells = _read_parquet(path) if path.suffix == ".parquet" else _read_csv(path)
    values = numbers(cells.drop(columns="barcode"))
    readable = np.isfinite(values.to_numpy()).all(axis=1)
    if not readable.all():
        row = dict(cells.iloc[int(np.argmin(readable))])
        raise DatasetError(f"{path}: {row} is no position; all but the barcode must be numbers.")
    barcodes = cells["barcode"].astype(str).to_numpy(object)
    check_unique(barcodes.tolist(), path, "barcode")
    kept = (values["in_tissue"] == 1).to_numpy()
    if not kept.any():
        raise DatasetError(
            f"{path} marks none of its {len(kept)} spots as under tissue (in_tissue = 1); no slide can be made of it."
        )
    return SpotPositions(
        file=path,
        spot_ids=tuple(barcodes[kept]),
        array_row_column=values.loc[kept, ["array_row", "array_col"]].to_numpy(int),
        pixel_xy=values.loc[kept, ["pxl_col_in_fullres", "pxl_row_in_fullres"]].to_numpy(float),
        n_outside_tissue=int((~kept).sum()),
    )


def _read_csv(path: Path) -> pd.DataFrame:
    """Version 1 or 2, told apart by the first line: version 2 begins with the column names."""
    rows = read_rows(path)
    if wrong := [row for row in rows if len(row) != len(COLUMNS)]:
        raise DatasetError(
            f"{path}: the row {','.join(wrong[0])!r} has not the {len(COLUMNS)} columns {', '.join(COLUMNS)}; cut off?"
        )
    header = rows.pop(0) if rows and rows[0][0] == "barcode" else COLUMNS
    _check_columns(header, path)
    return pd.DataFrame(rows, columns=pd.Index(header), dtype=str)


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError) as error:  # what pyarrow raises for a damaged file is a ValueError
        raise DatasetError(f"{path} cannot be read whole ({error}); copy or download it again.") from error
    _check_columns(list(table), path)
    return table.filter(items=COLUMNS)


def _check_columns(found: list[str], path: Path) -> None:
    if absent := [column for column in COLUMNS if column not in found]:
        raise DatasetError(f"{path} lacks the columns {', '.join(absent)}; it has {', '.join(found)}.")
