"""Tables as text, gzipped or not: read whole, with the columns that are needed, or refused by name."""

from __future__ import annotations

import contextlib
import csv
import gzip
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import pandas as pd

from stbench.errors import DatasetError

NO_VALUE = ("NA", "NaN", "nan")
_GZIP = b"\x1f\x8b"


def read_text(path: Path) -> str:
    """The whole text of a file, gunzipped where it is gzipped; DatasetError where it is cut off or no text."""
    with whole_file(path), open_unpacked(path) as file:
        return file.read().decode("utf-8-sig")


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[None]:
    """Turn what goes wrong while a file is read into a DatasetError that names it."""
    try:
        yield
    except (EOFError, zlib.error, UnicodeDecodeError, OSError) as error:
        raise DatasetError(f"{path} cannot be read whole ({error}); copy or download it again.") from error


def open_unpacked(path: Path) -> BinaryIO:
    """The file opened for reading, gunzipped as its first bytes say: deposits hold plain text named .gz as well."""
    with path.open("rb") as file:
        packed = file.read(2) == _GZIP
    return gzip.open(path) if packed else path.open("rb")  # type: ignore[return-value]


def read_rows(path: Path) -> list[list[str]]:
    """The cells of a table: commas in a .csv file, tabs in any other; blank lines are passed over."""
    lines = read_text(path).splitlines()
    try:
        return [row for row in csv.reader(lines, delimiter=_separator(path)) if row]
    except csv.Error as error:
        raise DatasetError(f"{path} is no table of text ({error}); copy or download it again.") from error


def _separator(path: Path) -> str:
    return "," if path.name.removesuffix(".gz").endswith(".csv") else "\t"


def read_table(path: Path) -> pd.DataFrame:
    """A table with a header, all cells as text; DatasetError where a row has not as many cells as the header.

    A header that is one cell short throughout, as R writes it beside row names, gets an empty first cell.
    """
    header, *rows = read_rows(path) or [[]]
    if rows and all(len(row) == len(header) + 1 for row in rows):
        header = ["", *header]
    if wrong := [row for row in rows if len(row) != len(header)]:
        raise DatasetError(f"{path}: the row {' '.join(wrong[0])!r} has not {len(header)} columns; cut off?")
    check_unique(header, path, "column")
    return pd.DataFrame(rows, columns=pd.Index(header, dtype=object), dtype=str)


def read_columns(path: Path, columns: Sequence[str], optional: Sequence[str] = ()) -> pd.DataFrame:
    """Some columns of a table, as text; DatasetError where one that is not optional lacks."""
    table = read_table(path)
    if absent := [column for column in columns if column not in table]:
        raise DatasetError(
            f"{path} lacks the columns {', '.join(absent)}; it has {', '.join(table) or 'none'}."
        )
    return table.filter(items=[*columns, *optional])


def numbers(cells: pd.DataFrame) -> pd.DataFrame:
    """Text as numbers, NaN where it is none."""
    return pd.DataFrame({name: pd.to_numeric(cells[name], errors="coerce") for name in cells}, dtype=float)


def check_unique(names: Sequence[str], path: Path, what: str) -> None:
    """DatasetError where a name occurs twice in a file; `what` says what it names."""
    if len(set(names)) != len(names):
        seen: set[str] = set()
        twice = next(name for name in names if name in seen or seen.add(name))
        raise DatasetError(f"{path} names the {what} {twice!r} twice; each may occur once.")


def first_file(*candidates: Path) -> Path | None:
    """The first of the candidates that is a file."""
    return next((path for path in candidates if path.is_file()), None)
