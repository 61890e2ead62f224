"""A slide's predictions in the order of a fold's panel and of the slide's spots, with what is missing."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np

from stbench.commands.outside.reading import Given
from stbench.errors import UsageError

# Share of a panel that predictions must hold to be taken for predictions of that panel.
_LEAST_SHARE = 0.5


class Placed(NamedTuple):
    """Predictions as they are scored.

    values  (n_spots, panel) float32, NaN where nothing is predicted
    spots   (n_spots,) True where the spot is predicted;  genes (panel,) likewise
    """

    values: np.ndarray
    spots: np.ndarray
    genes: np.ndarray


def placed(
    given: Given,
    values: np.ndarray,
    slide: str,
    spot_ids: Sequence[str],
    panel: Sequence[str],
    known: Collection[str],
) -> Placed:
    """The predictions `values` of a file under the names of a slide and of a fold's panel.

    known  all genes of the data set: one of them outside the panel is passed over, any other is an error
    UsageError for unknown spots or genes, or where less than half of the panel is predicted.
    """
    _check_spots(given, slide, spot_ids)
    _check_genes(given, slide, panel, known)
    rows = {spot: row for row, spot in enumerate(given.spot_ids)}
    columns = {gene: column for column, gene in enumerate(given.genes)}
    spots = np.array([spot in rows for spot in spot_ids])
    genes = np.array([gene in columns for gene in panel])
    laid_out = np.full((len(spot_ids), len(panel)), np.nan, dtype=np.float32)
    own_rows = [rows[spot] for spot in spot_ids if spot in rows]
    own_columns = [columns[gene] for gene in panel if gene in columns]
    laid_out[np.ix_(spots, genes)] = values[np.ix_(own_rows, own_columns)]
    return Placed(laid_out, spots, genes)


def _check_spots(given: Given, slide: str, spot_ids: Sequence[str]) -> None:
    there = set(spot_ids)
    unknown = [spot for spot in given.spot_ids if spot not in there]
    if not unknown:
        return
    if len(unknown) == len(given.spot_ids):
        raise UsageError(
            f"{given.source} and slide {slide} have no spot in common: it has {unknown[0]!r}, the slide "
            f"{spot_ids[0]!r}; name spots as the data set does."
        )
    raise UsageError(
        f"{given.source} predicts {len(unknown)} spots that slide {slide} does not have, {_some(unknown)}; name spots "
        f"as the data set does ({spot_ids[0]!r})."
    )


def _check_genes(given: Given, slide: str, panel: Sequence[str], known: Collection[str]) -> None:
    unknown = [gene for gene in given.genes if gene not in known]
    if unknown:
        near = difflib.get_close_matches(unknown[0], sorted(known), n=1)
        raise UsageError(
            f"{given.source} predicts {len(unknown)} genes that no slide of the data set measures, {_some(unknown)}"
            f"{f' (near: {near[0]})' if near else ''}; name genes as the data set does."
        )
    n_given = len(set(panel) & set(given.genes))
    if n_given < _LEAST_SHARE * len(panel):
        raise UsageError(
            f"{given.source} holds {n_given} of the {len(panel)} genes of slide {slide}'s panel: it is of another "
            "panel; name its genes with --genes file:PATH, or predict the panel that `stbench export` writes."
        )


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:3])
    return f"{shown} ..." if len(names) > 3 else shown
