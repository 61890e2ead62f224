"""Count matrices as text, the way spatial transcriptomics (ST) is published: a line per spot, a column per gene."""

from __future__ import annotations

import gzip
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from scipy import sparse

from stbench.errors import DatasetError

from .gene_names import unique_genes
from .parts import CountMatrix
from .text import check_unique, read_text

_LARGEST = np.iinfo(np.int32).max


def read_count_table(path: Path, repeated_genes: Literal["rename", "refuse"] = "rename") -> CountMatrix:
    """A tab-separated count matrix, gzipped or not: genes in line 1, then a spot id and its counts per line.

    Raises DatasetError that names the cell, row or name at fault.
    """
    header, *rows = read_text(path).splitlines() or [""]
    genes = header.split("\t")[1:]
    split = [row.partition("\t") for row in rows if row]
    spot_ids, cells = [spot for spot, _, _ in split], [rest for _, _, rest in split]
    if not genes or not spot_ids:
        raise DatasetError(
            f"{path} holds no count matrix: {len(genes)} genes and {len(spot_ids)} spots found."
        )
    check_unique(spot_ids, path, "spot id")
    if repeated_genes == "refuse":
        check_unique(genes, path, "gene column")
    counts = _parsed(path, spot_ids, genes, cells)
    return CountMatrix(path, tuple(spot_ids), unique_genes(genes, path), sparse.csr_matrix(counts))


def _parsed(path: Path, spot_ids: list[str], genes: list[str], cells: list[str]) -> np.ndarray:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", DeprecationWarning)  # numpy 1 only warns as it cuts 1.5 to 1
            counts = np.loadtxt(cells, dtype=np.int32, delimiter="\t", comments=None, ndmin=2)
        if counts.shape != (len(spot_ids), len(genes)) or counts.min() < 0:
            raise ValueError("rows do not fit the header, or a count is negative")
    except ValueError as error:
        raise _wrong_count(path, spot_ids, genes, cells) from error
    return counts


def _wrong_count(path: Path, spot_ids: list[str], genes: list[str], cells: list[str]) -> DatasetError:
    """The error that names the first row or cell that is not a row of counts."""
    for spot, row in zip(spot_ids, cells, strict=True):
        values = row.split("\t")
        if len(values) != len(genes):
            return DatasetError(
                f"{path}: spot {spot} has {len(values)} counts for {len(genes)} genes; is the file cut off?"
            )
        for gene, value in zip(genes, values, strict=True):
            if not (value.isascii() and value.isdigit()) or int(value) > _LARGEST:
                return DatasetError(
                    f"{path}: spot {spot}, gene {gene} holds {value!r}; counts must be whole numbers from 0."
                )
    return DatasetError(f"{path} cannot be read as a matrix of counts.")


def write_count_table(spot_ids: Sequence[str], genes: Sequence[str], counts: np.ndarray, path: Path) -> None:
    """Write (spots, genes) counts as providers do; gzipped where the name ends in .gz."""
    lines = ["\t".join(["", *genes])]
    lines += ["\t".join([spot, *map(str, row)]) for spot, row in zip(spot_ids, counts.tolist(), strict=True)]
    content = ("\n".join(lines) + "\n").encode()
    path.write_bytes(gzip.compress(content, compresslevel=1, mtime=0) if path.suffix == ".gz" else content)
