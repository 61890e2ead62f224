"""Count matrices as text, the way spatial transcriptomics (ST) is published: a line per spot, a column per gene."""

from __future__ import annotations

import csv
import gzip
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from scipy import sparse

from stbench.errors import DatasetError

from .gene_names import unique_genes
from .parts import CountMatrix
from .tables import check_unique, read_lines, separator_of, split_lines

_LARGEST = np.iinfo(np.int32).max


class _Lines(NamedTuple):
    """A count matrix as text: each spot's counts as one string, cells between separators, without quotes."""

    spot_ids: list[str]
    genes: list[str]
    counts: list[str]
    separator: str


def read_count_table(path: Path, repeated_genes: Literal["rename", "refuse"] = "rename") -> CountMatrix:
    """A count matrix, gzipped or not: genes in line 1, then a spot id and its counts per line.

    Raises DatasetError that names the cell, row or name at fault.
    """
    lines = _split(path)
    if not lines.genes or not lines.spot_ids:
        raise DatasetError(
            f"{path} holds no count matrix: {len(lines.genes)} genes and {len(lines.spot_ids)} spots found."
        )
    check_unique(lines.spot_ids, path, "spot id")
    if repeated_genes == "refuse":
        check_unique(lines.genes, path, "gene column")
    counts = sparse.csr_matrix(_parsed(path, lines))
    return CountMatrix(path, tuple(lines.spot_ids), unique_genes(lines.genes, path), counts)


def _split(path: Path) -> _Lines:
    """The table in its parts; a matrix has too many cells to make a string of each."""
    first, *others = [line for line in read_lines(path) if line and not line.isspace()] or [""]
    separator = separator_of([first, *others[:1]])
    blank = f"{separator} "
    split = [_parted(line, separator) for line in others if line.strip(blank)]
    genes = _genes(path, first, separator, split[0][1].count(separator) + 1 if split else 0)
    counts = [row for _, row in split]
    if counts and counts[0].count(separator) >= len(genes):
        counts = [_cut(row, separator, len(genes)) for row in counts]
    return _Lines([spot for spot, _ in split], genes, counts, separator)


def _parted(line: str, separator: str) -> tuple[str, str]:
    """A spot's id and its counts, without quotes."""
    if '"' not in line:
        spot, _, counts = line.partition(separator)
        return spot.strip(), counts
    end = line.find(f'"{separator}', 1) if line.startswith('"') else -1
    spot, counts = (line[1:end], line[end + 2 :]) if end > 0 else line.partition(separator)[::2]
    return spot.replace('"', "").strip(), counts.replace('"', "")


def _genes(path: Path, line: str, separator: str, n_counts: int) -> list[str]:
    """The genes of the header: all but the corner, which R leaves out; empty cells at the end are none.

    `n_counts` cells follow the first spot's id.
    """
    try:
        header = next(split_lines([line], separator), [])
    except csv.Error as error:
        raise DatasetError(f"{path} is no table of text ({error}); copy or download it again.") from error
    while header[1:] and not header[-1]:
        header.pop()
    without_corner = n_counts == len(header) and header[:1] != [""]
    return header if without_corner else header[1:]


def _cut(row: str, separator: str, n: int) -> str:
    """The row's first n cells where the further ones are empty, as spreadsheets leave them; else the row."""
    cells = row.split(separator)
    return row if any(map(str.strip, cells[n:])) else separator.join(cells[:n])


def _parsed(path: Path, lines: _Lines) -> np.ndarray:
    """(spots, genes) int32; DatasetError where a cell is no count."""
    try:
        counts = _whole(lines, np.int32)
    except ValueError:
        try:  # 22.0 and 1e+05 are whole numbers too
            counts = _whole(lines, np.float64)
        except ValueError as error:
            raise _wrong_count(path, lines) from error
    return counts


def _whole(lines: _Lines, dtype: type) -> np.ndarray:
    """The counts parsed as that type, as int32; ValueError where they are no counts."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)  # numpy 1 only warns as it cuts 1.5 to 1
        values = np.loadtxt(lines.counts, dtype=dtype, delimiter=lines.separator, comments=None, ndmin=2)
    if values.shape != (len(lines.spot_ids), len(lines.genes)) or not values.min() >= 0:
        raise ValueError("rows do not fit the header, or a count is negative or missing")
    if values.dtype != np.int32 and ((values % 1 != 0).any() or values.max() > _LARGEST):
        raise ValueError("a count is no whole number or too large")
    return values.astype(np.int32, copy=False)


def _wrong_count(path: Path, lines: _Lines) -> DatasetError:
    """The error that names the first row or cell that is not a row of counts."""
    n = len(lines.genes)
    for spot, row in zip(lines.spot_ids, lines.counts, strict=True):
        values = row.split(lines.separator)
        if len(values) != n:
            return DatasetError(
                f"{path}: spot {spot} has {len(values)} counts for {n} genes; is the file cut off?"
            )
        for gene, value in zip(lines.genes, map(str.strip, values), strict=True):
            if not _is_count(value):
                return DatasetError(
                    f"{path}: spot {spot}, gene {gene} holds {value!r}; counts must be whole numbers from 0."
                )
    return DatasetError(f"{path} cannot be read as a matrix of counts.")


def _is_count(text: str) -> bool:
    try:
        value = float(text)
    except ValueError:
        return False
    return 0 <= value <= _LARGEST and value % 1 == 0 and "_" not in text


def write_count_table(spot_ids: Sequence[str], genes: Sequence[str], counts: np.ndarray, path: Path) -> None:
    """Write (spots, genes) counts as providers do; gzipped where the name ends in .gz."""
    lines = ["\t".join(["", *genes])]
    lines += ["\t".join([spot, *map(str, row)]) for spot, row in zip(spot_ids, counts.tolist(), strict=True)]
    content = ("\n".join(lines) + "\n").encode()
    path.write_bytes(gzip.compress(content, compresslevel=1, mtime=0) if path.suffix == ".gz" else content)
