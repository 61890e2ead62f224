"""Read one HER2+ slide from the provider's files, or say in one sentence which file is wrong and how."""

from __future__ import annotations

import gzip
import logging
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse

from stbench.errors import DatasetError
from stbench.slide import Slide

from .image import image_size

log = logging.getLogger(__name__)


class CountTable(NamedTuple):
    """A count matrix: `counts` is (spots, genes) int32."""

    spot_ids: list[str]
    genes: list[str]
    counts: np.ndarray


def read_slide(slide: str, files: Mapping[str, Path]) -> Slide:
    """The slide made of the spots that have both counts and a position; DatasetError for unusable files.

    `files` maps "counts", "spots", "image" and, where there is one, "labels" to paths.
    """
    table = read_count_table(files["counts"])
    positions = read_positions(files["spots"])
    spot_ids = [spot for spot in table.spot_ids if spot in positions.index]
    if not spot_ids:
        raise DatasetError(
            f"{files['counts']} and {files['spots']} have no spot in common; are both of {slide}?"
        )
    _log_difference(slide, table, positions, len(spot_ids))
    kept = positions.loc[spot_ids]
    pixel_xy = kept[["pixel_x", "pixel_y"]].to_numpy(float)
    _check_inside(pixel_xy, spot_ids, files)
    rows = pd.Index(table.spot_ids).get_indexer(pd.Index(spot_ids))
    return Slide(
        id=slide,
        patient=slide[0],
        platform="ST",
        image=files["image"],
        spot_ids=tuple(spot_ids),
        pixel_xy=pixel_xy,
        array_row_column=kept[["y", "x"]].to_numpy(int),
        counts=sparse.csr_matrix(table.counts[rows]),
        genes=tuple(table.genes),
        annotation=read_labels(files["labels"], spot_ids) if "labels" in files else None,
    )


def _log_difference(slide: str, table: CountTable, positions: pd.DataFrame, n_common: int) -> None:
    without_counts, without_position = len(positions) - n_common, len(table.spot_ids) - n_common
    if without_counts or without_position:
        log.info(
            "her2 %s: %d spots used; %d have a position but no counts, %d counts but are not under tissue",
            *(slide, n_common, without_counts, without_position),
        )


def read_count_table(path: Path) -> CountTable:
    """A tab-separated count matrix, gzipped or not: genes in line 1, then "XxY" and counts per spot."""
    header, *rows = _read_text(path).splitlines() or [""]
    genes = header.split("\t")[1:]
    split = [row.partition("\t") for row in rows if row]
    spot_ids, cells = [spot for spot, _, _ in split], [rest for _, _, rest in split]
    if not genes or not spot_ids:
        raise DatasetError(
            f"{path} holds no count matrix: {len(genes)} genes and {len(spot_ids)} spots found."
        )
    _check_unique(genes, path, "gene column")
    _check_unique(spot_ids, path, "spot id")
    try:
        counts = np.loadtxt(cells, dtype=np.int32, delimiter="\t", comments=None, ndmin=2)
        if counts.shape != (len(spot_ids), len(genes)) or counts.min() < 0:
            raise ValueError("rows do not fit the header, or a count is negative")
    except ValueError as error:
        raise _wrong_count(path, spot_ids, genes, cells) from error
    return CountTable(spot_ids, genes, counts)


def write_count_table(table: CountTable, path: Path) -> None:
    """Write a count matrix as the provider does; gzipped where the name ends in .gz."""
    lines = ["\t".join(["", *table.genes])]
    lines += [
        "\t".join([spot, *map(str, row)])
        for spot, row in zip(table.spot_ids, table.counts.tolist(), strict=True)
    ]
    content = ("\n".join(lines) + "\n").encode()
    path.write_bytes(gzip.compress(content, compresslevel=1, mtime=0) if path.suffix == ".gz" else content)


def _wrong_count(path: Path, spot_ids: list[str], genes: list[str], cells: list[str]) -> DatasetError:
    """The error that names the first row or cell that is not a row of counts."""
    for spot, row in zip(spot_ids, cells, strict=True):
        values = row.split("\t")
        if len(values) != len(genes):
            return DatasetError(
                f"{path}: spot {spot} has {len(values)} counts for {len(genes)} genes; is the file cut off?"
            )
        for gene, value in zip(genes, values, strict=True):
            if not (value.isascii() and value.isdigit()) or int(value) > np.iinfo(np.int32).max:
                return DatasetError(
                    f"{path}: spot {spot}, gene {gene} holds {value!r}; counts must be whole numbers from 0."
                )
    return DatasetError(f"{path} cannot be read as a matrix of counts.")


def read_positions(path: Path) -> pd.DataFrame:
    """Positions of the spots under tissue by spot id: x, y (array) and pixel_x, pixel_y (full image)."""
    columns = ["x", "y", "pixel_x", "pixel_y"]
    cells = _read_columns(path, columns, optional=["selected"])
    table = _numbers(cells)
    readable = np.isfinite(table.to_numpy(float)).all(axis=1)
    whole = (table[["x", "y"]].to_numpy(float) % 1 == 0).all(axis=1)
    if not (readable & whole).all():
        row = dict(cells.iloc[int(np.argmin(readable & whole))])
        raise DatasetError(f"{path}: {row} is no position; x and y are whole numbers, the others numbers.")
    table.index = pd.Index(_spot_names(table))
    _check_unique(list(table.index), path, "spot id")
    if "selected" not in table:
        return table
    under_tissue = table["selected"].to_numpy() == 1
    if not under_tissue.all():
        log.info("%s: %d spots are not under tissue and left out", path.name, int((~under_tissue).sum()))
    return table.loc[under_tissue]


def read_labels(path: Path, spot_ids: list[str]) -> np.ndarray:
    """The pathologist's label of each spot, "" for none; rows without a position are skipped."""
    cells = _read_columns(path, ["x", "y", "label"])
    xy = _numbers(cells.drop(columns="label")).round()
    placed = ~xy.isna().to_numpy().any(axis=1)
    names = _spot_names(xy.loc[placed])
    _check_unique(names, path, "spot")
    text = cells["label"].replace(["NA", "NaN", "nan"], "").to_numpy(str)
    labels = dict(zip(names, text[placed], strict=True))
    if not labels.keys() & set(spot_ids):
        raise DatasetError(f"{path} labels none of the slide's spots; does it belong to another slide?")
    return np.array([labels.get(spot, "") for spot in spot_ids])


def _numbers(cells: pd.DataFrame) -> pd.DataFrame:
    """Text as numbers, NaN where it is none."""
    return pd.DataFrame({name: pd.to_numeric(cells[name], errors="coerce") for name in cells}, dtype=float)


def _spot_names(table: pd.DataFrame) -> list[str]:
    return [f"{x:.0f}x{y:.0f}" for x, y in zip(table["x"], table["y"], strict=True)]


def _read_columns(path: Path, columns: list[str], optional: Sequence[str] = ()) -> pd.DataFrame:
    """Some columns of a tab-separated table, as text."""
    header, *rows = [line.split("\t") for line in _read_text(path).splitlines() if line] or [[]]
    if absent := [column for column in columns if column not in header]:
        raise DatasetError(
            f"{path} lacks the columns {', '.join(absent)}; it has {', '.join(header) or 'none'}."
        )
    if wrong := [row for row in rows if len(row) != len(header)]:
        raise DatasetError(f"{path}: the row {' '.join(wrong[0])!r} has not {len(header)} columns; cut off?")
    wanted = [column for column in header if column in columns or column in optional]
    return pd.DataFrame({column: [row[header.index(column)] for row in rows] for column in wanted}, dtype=str)


def _read_text(path: Path) -> str:
    opener: Callable = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rt", encoding="utf-8") as file:
            return file.read()
    except (EOFError, zlib.error, UnicodeDecodeError, OSError) as error:
        raise DatasetError(f"{path} cannot be read whole ({error}); copy or download it again.") from error


def _check_unique(names: list[str], path: Path, what: str) -> None:
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DatasetError(f"{path} names the {what} {twice!r} twice; each may occur once.")


def _check_inside(pixel_xy: np.ndarray, spot_ids: list[str], files: Mapping[str, Path]) -> None:
    width, height = image_size(files["image"])
    outside = np.flatnonzero(((pixel_xy < 0) | (pixel_xy >= (width, height))).any(axis=1))
    if outside.size:
        x, y = pixel_xy[outside[0]]
        raise DatasetError(
            f"{files['spots']}: spot {spot_ids[outside[0]]} at pixel ({x:.0f}, {y:.0f}) lies outside "
            f"{files['image']} of {width} x {height} px ({outside.size} spots do); is it the full-size image?"
        )
