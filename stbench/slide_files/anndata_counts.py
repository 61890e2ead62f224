"""The raw counts of an .h5ad file: in `layers`, `X` or `raw`, whichever holds whole numbers."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse

from stbench.errors import DatasetError

from .gene_names import kind_of, symbols_of, unique_genes
from .parts import CountMatrix, problem_of_counts, whole_counts
from .tables import find_column

if TYPE_CHECKING:
    from anndata import AnnData

log = logging.getLogger(__name__)
_SYMBOLS = (
    *("gene_symbols", "gene_symbol", "symbols", "symbol", "feature_name", "feature_names", "gene_name"),
    *("gene_names", "gene_short_name", "hgnc_symbol", "mgi_symbol"),
)
_IDENTIFIERS = ("gene_ids", "gene_id", "ensembl_id", "ensembl", "feature_id")
_COUNT_LAYERS = ("raw_counts", "raw", "count", "umi", "umis", "umi_counts")
_ROWS_AT_ONCE = 512


class _Place(NamedTuple):
    """A matrix that may be the counts: where it lies, and the genes of its columns."""

    name: str
    matrix: Any
    var: pd.DataFrame


def read_counts(data: AnnData, path: Path) -> tuple[CountMatrix, tuple[str, ...]]:
    """The counts and sentences on what is doubtful about them; DatasetError where no matrix holds whole numbers.

    In this order: layers["counts"], X, raw, other layers that are called counts.
    """
    places = list(_places(data))
    if not places:
        raise DatasetError(f"{path} holds no counts: its shape is {data.shape}.")
    problems = {place.name: _problem(place.matrix) for place in places}
    usable = [place for place in places if not problems[place.name]]
    if not usable:
        found = "; ".join(f"{name} has values that are {problem}" for name, problem in problems.items())
        raise DatasetError(
            f"{path} holds no raw counts, whole numbers from 0, in X, layers['counts'] or raw: {found}."
        )
    taken = usable[0]
    log.info("%s: the counts are %s", path.name, taken.name)
    genes = _genes(taken.var, path)
    counts = whole_counts(sparse.csr_matrix(taken.matrix), path)
    matrix = CountMatrix(path, tuple(map(str, data.obs_names)), unique_genes(genes, path), counts)
    return matrix, _doubts(taken, usable, problems)


def _places(data: AnnData) -> Iterator[_Place]:
    """The matrices that may hold counts, the likeliest first; empty ones are none."""
    layers = {name.lower(): name for name in data.layers}
    var: Any = data.var
    places = [_Place("layers['counts']", data.layers.get("counts"), var), _Place("X", data.X, var)]
    if data.raw is not None:
        places.append(_Place("raw.X", data.raw.X, data.raw.var))
    named = (layers[name] for name in _COUNT_LAYERS if name in layers)
    places += [_Place(f"layers[{name!r}]", data.layers[name], var) for name in named]
    return (place for place in places if place.matrix is not None and 0 not in place.matrix.shape)


def _problem(matrix: Any) -> str:
    """Why a matrix cannot be counts, in words; "" where it can."""
    if sparse.issparse(matrix):
        return problem_of_counts(matrix.data) or ("" if matrix.data.any() else "zero throughout")
    rows = range(0, matrix.shape[0], _ROWS_AT_ONCE)
    parts = (np.asarray(matrix[start : start + _ROWS_AT_ONCE]).ravel() for start in rows)
    any_count = False
    for part in parts:
        if problem := problem_of_counts(part):
            return problem
        any_count = any_count or bool(part.any())
    return "" if any_count else "zero throughout"


def _doubts(taken: _Place, usable: list[_Place], problems: dict[str, str]) -> tuple[str, ...]:
    """Sentences where another matrix could have been meant."""
    doubts = []
    if problem := problems.get("layers['counts']"):
        doubts.append(
            f"layers['counts'] has values that are {problem}; the counts were taken from {taken.name}"
        )
    if wider := [place.name for place in usable if place.matrix.shape[1] > taken.matrix.shape[1]]:
        doubts.append(
            f"the counts were taken from {taken.name} with {taken.matrix.shape[1]:,} genes, "
            f"and {wider[0]} holds whole numbers of more genes"
        )
    return tuple(doubts)


def _genes(var: pd.DataFrame, path: Path) -> list[str]:
    """What the genes are called: var_names where these are symbols, else the column of var that holds them."""
    names = list(map(str, var.index))
    kind = kind_of(names)
    columns = [find_column(var, [name]) for name in (*_SYMBOLS, *_IDENTIFIERS)]
    others = [column for column in dict.fromkeys(columns) if column is not None]
    genes = symbols_of(names, *(var[column].astype(str).tolist() for column in others))
    if genes != names and kind_of(genes) != kind:
        log.info("%s: var_names are %s; genes are named by %s", path.name, kind, " or ".join(others))
    return genes
