"""slides.csv: which slides of an own folder are used, their patients, pixel sizes and label columns."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import NamedTuple

from stbench.errors import DatasetError
from stbench.slide_files.text import check_unique, read_table

log = logging.getLogger(__name__)
NAME = "slides.csv"
_COLUMNS = ("slide", "patient", "um_per_px", "annotation")


class Listed(NamedTuple):
    """What slides.csv says of a slide; None where it says nothing."""

    patient: str | None = None
    microns_per_pixel: float | None = None
    label_column: str | None = None


def read_slide_list(folder: Path) -> dict[str, Listed] | None:
    """What slides.csv says, by slide in its order; None where there is no such file, DatasetError for a bad one."""
    path = folder / NAME
    if not path.is_file():
        return None
    table = read_table(path)
    if "slide" not in table:
        raise DatasetError(f"{path} lacks the column slide; it has {', '.join(table) or 'none'}.")
    if unused := [column for column in table if column not in _COLUMNS]:
        log.warning(
            "%s: the columns %s are not used; known are %s", NAME, ", ".join(unused), ", ".join(_COLUMNS)
        )
    rows = [{name: cell.strip() for name, cell in row.items()} for row in table.to_dict("records")]
    check_unique([row["slide"] for row in rows], path, "slide")
    return {row["slide"]: _listed(row, path) for row in rows}


def _listed(row: dict[str, str], path: Path) -> Listed:
    text = row.get("um_per_px", "")
    return Listed(row.get("patient") or None, _microns(text, row, path), row.get("annotation") or None)


def _microns(text: str, row: dict[str, str], path: Path) -> float | None:
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 < value < float("inf"):
        raise DatasetError(
            f"{path}: um_per_px of {row['slide']} is {text!r}; it must be a positive number of microns per pixel."
        )
    return value
