"""Real HER2+ slides as the metrics see them: scored spots only, counts with rest, places on the array."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from stbench.metrics.counts import log_expression, with_rest


class RealSlide(NamedTuple):
    """Spots with at least 100 counts: counts with rest, totals, expression on the log scale, array places."""

    spot_ids: pd.Index
    counts: np.ndarray
    totals: np.ndarray
    expression: np.ndarray
    array_row_column: np.ndarray


def read_slide(shared_data: Path, name: str, genes: Sequence[str]) -> RealSlide:
    """A slide over a panel, in that order; a gene that the slide's file lacks counts zero."""
    table = _table(shared_data / f"her2st/data/ST-cnts/{name}.tsv.gz")
    totals = table.to_numpy().sum(axis=1)
    table, totals = table[totals >= 100], totals[totals >= 100]
    panel = table.reindex(columns=list(genes), fill_value=0).to_numpy()
    places = np.array([spot.split("x") for spot in table.index], dtype=np.int64)
    return RealSlide(table.index, with_rest(panel, totals), totals, log_expression(panel, totals), places)


def listed_genes(shared_data: Path, name: str) -> list[str]:
    """The field's fixed list, as far as the slide's file holds it."""
    listed = (shared_data / "panels/her_hvg_cut_1000.txt").read_text().split()
    known = _table(shared_data / f"her2st/data/ST-cnts/{name}.tsv.gz").columns
    return [gene for gene in listed if gene in known]


@lru_cache(maxsize=8)
def _table(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, sep="\t", index_col=0)
