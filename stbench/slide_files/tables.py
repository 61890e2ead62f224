"""Tables as text, whoever wrote them: R, pandas, a spreadsheet, Space Ranger. One reader for all forms.

Cells are separated by tabs, semicolons or commas, or by blanks as R writes them: the first lines tell, not the
file's name. Line ends of any system, quotes around any cell, blanks around it, empty rows and columns that
spreadsheets leave at the end, and R's header without a cell for the row names are taken as what they are.
"""

from __future__ import annotations

import csv
import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pandas as pd

from stbench.errors import DatasetError
from stbench.names import shortened

from .text import read_text

log = logging.getLogger(__name__)
_QUOTED = re.compile(r'"[^"]*"')
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")
_NOTHING = '\t;, "'
_LONGEST_CELL = 1 << 24


def read_lines(path: Path) -> list[str]:
    """The lines of a file as they are, without their ends."""
    text = read_text(path)
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.split("\n")


def separator_of(lines: Iterable[str]) -> str:
    """What separates the cells: found as often in the first two lines, or once less in a header of R's.

    Tabs come before semicolons, these before commas; blanks count where there are two at least. A tab where nothing
    separates.
    """
    filled = [_QUOTED.sub("", line) for line in islice((line for line in lines if line.strip(_NOTHING)), 2)]
    first, second = filled[0] if filled else "", filled[-1] if filled else ""
    for separator in "\t;, ":
        n = second.count(separator)
        if n > (separator == " ") and first.count(separator) in (n, n - 1):
            return separator
    return next((separator for separator in "\t;," if separator in first), "\t")


def split_lines(lines: Iterable[str], separator: str) -> Iterator[list[str]]:
    """The cells of each row, without quotes and blanks around them; csv.Error where they are no table."""
    csv.field_size_limit(_LONGEST_CELL)
    for row in csv.reader(
        (line + "\n" for line in lines), delimiter=separator, skipinitialspace=separator != " "
    ):
        yield [cell.strip() for cell in row]


def read_rows(path: Path) -> list[list[str]]:
    """The cells of a table with or without a header, but for rows and last columns without any content."""
    lines = read_lines(path)
    separator = separator_of(lines)
    try:
        rows = [row for row in split_lines(lines, separator) if any(row)]
    except csv.Error as error:
        raise DatasetError(f"{path} is no table of text ({error}); copy or download it again.") from error
    if separator == ";":
        rows = [[_with_point(cell) for cell in row] for row in rows]
    return _without_empty_columns(rows)


def _with_point(cell: str) -> str:
    """1,5 as 1.5: where semicolons separate cells, the comma is the decimal one."""
    return cell.replace(",", ".") if _DECIMAL_COMMA.fullmatch(cell) else cell


def _without_empty_columns(rows: list[list[str]]) -> list[list[str]]:
    """The rows, cut behind the last column that is named in the first row or filled in any."""
    width = max((_n_filled(row) for row in rows), default=0)
    return [row[:width] for row in rows]


def _n_filled(row: Sequence[str]) -> int:
    """The number of cells up to the last one that is not empty."""
    return next((n for n in range(len(row), 0, -1) if row[n - 1]), 0)


def read_table(path: Path) -> pd.DataFrame:
    """A table with a header, all cells as text; DatasetError where a row has not as many cells as the header.

    A header that is one cell short throughout, as R writes it beside row names, gets an empty first cell.
    """
    header, *rows = read_rows(path) or [[]]
    if rows and header[:1] != [""] and all(len(row) == len(header) + 1 for row in rows):
        header = ["", *header]
    if wrong := [row for row in rows if len(row) != len(header)]:
        shown = shortened(" ".join(wrong[0]))
        raise DatasetError(f"{path}: the row {shown!r} has not {len(header)} columns; cut off?")
    check_unique(header, path, "column")
    return pd.DataFrame(rows, columns=pd.Index(header, dtype=object), dtype=str)


def read_columns(
    path: Path,
    columns: Sequence[str],
    optional: Sequence[str] = (),
    other_names: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> pd.DataFrame:
    """Some columns of a table, as text, under these names; DatasetError where one that is not optional lacks.

    `other_names` are what a column may be called as well; which was taken is logged.
    """
    table = read_table(path)
    found = {name: find_column(table, (name, *other_names.get(name, ()))) for name in (*columns, *optional)}
    if absent := [name for name in columns if found[name] is None]:
        has = ", ".join(map(repr, table)) if "" in table else ", ".join(table)
        raise DatasetError(f"{path} lacks the columns {', '.join(absent)}; it has {has or 'none'}.")
    taken = {name: column for name, column in found.items() if column is not None}
    _say_taken(taken, path)
    return pd.DataFrame({name: table[column] for name, column in taken.items()})


def find_column(columns: Iterable[Any], names: Sequence[str]) -> str | None:
    """The column that has one of the names, the first that fits; in any case of letters, blanks as underscores."""
    exact = {column: column for column in columns}
    plain = {_plain(column): column for column in reversed(exact)} | exact
    return next((plain[name] for name in (*names, *map(_plain, names)) if name in plain), None)


def _plain(name: Any) -> str:
    return "" if str(name).startswith("Unnamed: ") else re.sub(r"[\s._-]+", "_", str(name).strip().lower())


def id_column(table: pd.DataFrame, names: Sequence[str], path: Path) -> str:
    """The column that names the rows: the first of `names`, which begin with the right one; DatasetError for none."""
    column = find_column(table, names)
    if column is None:
        raise DatasetError(f"{path} lacks the column {names[0]}; it has {', '.join(table) or 'none'}.")
    _say_taken({names[0]: column}, path)
    return column


def _say_taken(taken: Mapping[str, str], path: Path) -> None:
    """Log the columns that were taken under another name than the right one."""
    for name, column in taken.items():
        if column != name:
            called = f"the column {column!r}" if column else "the first column, which has no name,"
            log.info("%s: %s is taken as %s", path.name, called, name)


def numbers(cells: pd.DataFrame) -> pd.DataFrame:
    """Text as numbers, NaN where it is none."""
    return pd.DataFrame({name: pd.to_numeric(cells[name], errors="coerce") for name in cells}, dtype=float)


def check_unique(names: Sequence[str], path: Path, what: str) -> None:
    """DatasetError where a name occurs twice in a file; `what` says what it names."""
    if len(set(names)) != len(names):
        seen: set[str] = set()
        twice = next(name for name in names if name in seen or seen.add(name))
        raise DatasetError(f"{path} names the {what} {twice!r} twice; each may occur once.")
