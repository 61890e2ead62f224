"""Files of predictions to arrays: .csv or .csv.gz (first column spot ids, one column a gene) and .h5ad."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stbench.errors import UsageError

SUFFIXES = (".csv", ".csv.gz", ".h5ad")
# The column of an AnnData's obs that says which slide a spot is of, and the one that holds its id there.
SLIDE_COLUMN, SPOT_COLUMN = "slide", "spot"
# A column beside the genes: counts over all genes, of a file that holds counts.
TOTAL = "total"
_UNREADABLE = (OSError, ValueError, EOFError, KeyError, zlib.error, csv.Error)


@dataclass(frozen=True, eq=False)
class Given:
    """What a file predicts for one slide.

    source   the file's name, for messages
    values   (n_spots, n_genes) finite numbers on the scale that the file is stated to have
    totals   (n_spots,) counts over all genes where the file has a column `total`, else None
    """

    source: str
    spot_ids: tuple[str, ...]
    genes: tuple[str, ...]
    values: np.ndarray
    totals: np.ndarray | None = None


def suffix_of(path: Path) -> str:
    """The suffix of a file of predictions, "" of any other file."""
    return next((suffix for suffix in SUFFIXES if path.name.lower().endswith(suffix)), "")


def read_table(path: Path) -> Given:
    """One slide's predictions as a table of text; UsageError for what is none."""
    try:
        content = path.read_bytes()
        text = (gzip.decompress(content) if path.name.lower().endswith(".gz") else content).decode(
            "utf-8-sig"
        )
        header, ids, values = _parsed(text)
    except _UNREADABLE as error:
        raise UsageError(
            f"{path} cannot be read as predictions ({_words(error)}); it should be comma-separated text: a line of "
            "gene names, then a line for each spot that begins with its id."
        ) from error
    return checked(path.name, ids, header, values)


def _parsed(text: str) -> tuple[list[str], list[str], np.ndarray]:
    """Gene names, spot ids and numbers; ValueError with the reason where they are not there."""
    import pandas as pd

    header = next(csv.reader(io.StringIO(text)), [])
    if len(header) < 2:
        raise ValueError("its first line names no genes")
    body = pd.read_csv(io.StringIO(text), header=None, skiprows=1, converters={0: str})
    # R's write.table leaves out the name of the column of row names.
    genes = header if body.shape[1] == len(header) + 1 else header[1:]
    if body.shape[1] != len(genes) + 1:
        raise ValueError(
            f"its first line names {len(genes)} genes, its other lines hold {body.shape[1] - 1} values"
        )
    return genes, body[0].tolist(), body.iloc[:, 1:].to_numpy(dtype=np.float64)


def read_anndata(path: Path, slides: Sequence[str], name: str | None = None) -> dict[str, Given]:
    """Slide -> predictions of an .h5ad; `name` is the slide where the file is of one alone.

    Which slide a spot is of stands in obs["slide"], its id in obs["spot"], or else in the names of obs.
    UsageError for a file that does not say, or that names another slide than `slides`.
    """
    import anndata

    try:
        data = anndata.read_h5ad(path)
    except (*_UNREADABLE, TypeError) as error:
        raise UsageError(
            f"{path} cannot be read as AnnData ({_words(error)}); write it with anndata."
        ) from error
    if data.X is None:
        raise UsageError(f"{path} has no X; predictions belong there, spots by genes.")
    values, obs = data.to_df().to_numpy(dtype=np.float64), data.obs
    spots = list(obs[SPOT_COLUMN]) if SPOT_COLUMN in obs else list(data.obs_names)
    ids = np.array([str(spot) for spot in spots], dtype=object)
    only = name or (slides[0] if len(slides) == 1 else None)
    if SLIDE_COLUMN not in obs and only is None:
        raise UsageError(f'{path} does not say which slide a spot is of; name it in obs["{SLIDE_COLUMN}"].')
    of = np.array(obs[SLIDE_COLUMN].astype(str) if SLIDE_COLUMN in obs else [only] * len(ids), dtype=object)
    genes = [str(gene) for gene in data.var_names]
    totals = obs[TOTAL].to_numpy(dtype=np.float64) if TOTAL in obs else None
    found = {}
    for slide in dict.fromkeys(of.tolist()):
        rows = of == slide
        own = None if totals is None else totals[rows]
        found[slide] = checked(f"{path.name} ({slide})", ids[rows].tolist(), genes, values[rows], own)
    return found


def checked(
    source: str,
    ids: Sequence[str],
    genes: Sequence[str],
    values: np.ndarray,
    totals: np.ndarray | None = None,
) -> Given:
    """The predictions where every name stands once and every number is finite; UsageError otherwise."""
    for kind, names in (("spot", ids), ("gene", genes)):
        if twice := _first_repeated(names):
            raise UsageError(f"{source} names {kind} {twice} twice; predict every {kind} once.")
    if not len(ids):
        raise UsageError(f"{source} holds no spot; it should have a line for each spot of its slide.")
    wrong = np.argwhere(~np.isfinite(values))
    if len(wrong):
        row, column = wrong[0]
        raise UsageError(
            f"{source} holds {len(wrong)} values that are missing, NaN or infinite, the first for spot {ids[row]} and "
            f"gene {genes[column]}; leave out spots or genes that you do not predict, and they are counted as missing."
        )
    if TOTAL in genes:
        place = list(genes).index(TOTAL)
        totals, values = values[:, place], np.delete(values, place, axis=1)
        genes = [gene for gene in genes if gene != TOTAL]
    return Given(source, tuple(ids), tuple(genes), values, totals)


def _first_repeated(names: Sequence[str]) -> str:
    seen: set[str] = set()
    return next((name for name in names if name in seen or seen.add(name)), "")


def _words(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
