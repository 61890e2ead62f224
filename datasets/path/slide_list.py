"""slides.csv: which slides of an own folder are used, and what is stated of each, a column for each fact."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from stbench.errors import DatasetError
from stbench.slide_files.geometry import PLATFORMS
from stbench.slide_files.missing_words import known
from stbench.slide_files.tables import check_unique, id_column, read_table

log = logging.getLogger(__name__)
NAME = "slides.csv"
_ID_NAMES = ("slide", "slide_id", "sample", "sample_id", "section", "section_id", "library_id", "id", "")
_WORDS = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}


class Listed(NamedTuple):
    """What slides.csv says of a slide; None where it says nothing."""

    patient: str | None = None
    microns_per_pixel: float | None = None
    label_column: str | None = None
    platform: str | None = None
    drop_outside: bool | None = None


class _Fact(NamedTuple):
    """A column of slides.csv: the field of Listed that it fills, how a cell is read (ValueError: it cannot be), and
    what a cell must be, in words."""

    field: str
    read: Callable[[str], Any] = str
    wanted: str = ""


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise ValueError(text)
    return value


def _platform(text: str) -> str:
    by_plain_name = {name.lower().replace(" ", ""): name for name in PLATFORMS}
    plain = text.lower().replace(" ", "").replace("-", "").replace("_", "")
    if plain not in by_plain_name:
        raise ValueError(text)
    return by_plain_name[plain]


def _yes_or_no(text: str) -> bool:
    if text.lower() not in _WORDS:
        raise ValueError(text)
    return _WORDS[text.lower()]


_FACTS = {
    "patient": _Fact("patient"),
    "um_per_px": _Fact("microns_per_pixel", _positive, "a positive number of microns per pixel"),
    "annotation": _Fact("label_column"),
    "platform": _Fact("platform", _platform, f"one of {', '.join(PLATFORMS)}"),
    "drop_outside": _Fact("drop_outside", _yes_or_no, "yes or no"),
}


def read_slide_list(folder: Path) -> dict[str, Listed] | None:
    """What slides.csv says, by slide in its order; None where there is no such file, DatasetError for a bad one."""
    path = folder / NAME
    if not path.is_file():
        return None
    table = read_table(path)
    ids = id_column(table, _ID_NAMES, path)
    facts = {column: name for column in table if (name := column.lower()) in _FACTS}
    if unused := [column for column in table if column != ids and column not in facts]:
        log.warning(
            "%s: the columns %s are not used; known are %s",
            *(NAME, ", ".join(unused), ", ".join(["slide", *_FACTS])),
        )
    check_unique(list(facts.values()), path, "column")
    slides = table[ids].tolist()
    check_unique(slides, path, "slide")
    if "" in slides:
        raise DatasetError(f"{path} has a row without a slide's name in the column {ids or 'first'}; add it.")
    rows = table.rename(columns=facts).to_dict("records")
    return {slide: _listed(slide, row, path) for slide, row in zip(slides, rows, strict=True)}


def _listed(slide: str, row: dict[Any, str], path: Path) -> Listed:
    """One row; a cell that is empty or a word for nothing known says nothing."""
    stated = {name: cell for name in _FACTS if (cell := known(row.get(name, "")))}
    return Listed(**{_FACTS[name].field: _read(name, cell, slide, path) for name, cell in stated.items()})


def _read(name: str, cell: str, slide: str, path: Path) -> Any:
    try:
        return _FACTS[name].read(cell)
    except ValueError as error:
        raise DatasetError(
            f"{path}: {name} of {slide} is {cell!r}; it must be {_FACTS[name].wanted}."
        ) from error
