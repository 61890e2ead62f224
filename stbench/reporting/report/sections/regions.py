"""Scores inside annotated regions, and where each row would find the tumour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from stbench.errors import UsageError
from stbench.record import PROTOCOL_VERSION
from stbench.reporting.regions.localising import localise
from stbench.reporting.regions.sheets import (
    Sheet,
    localised_sentences,
    localised_sheet,
    slide_sheet,
    within_sentences,
    within_sheets,
)
from stbench.reporting.regions.within import within_regions
from stbench.reporting.report.boards import Board
from stbench.reporting.report.grid import Grid, Heading, Line
from stbench.reporting.report.stored import StoredArrays


class TableEmbeddings(NamedTuple):
    """Encoder -> slide -> (n_spots, d) of one table's annotated slides; where there are none, why."""

    by_encoder: Mapping[str, Mapping[str, np.ndarray]]
    why_none: str = ""


@dataclass(frozen=True)
class RegionsSection:
    """Grids and sentences of both parts.

    within         over all regions and region by region, [] where no region has spots enough
    why_no_tumour  why there is no second part, "" where there is
    """

    within: list[Grid]
    about_within: list[str]
    tumour: Grid | None
    tumour_by_slide: Grid | None
    about_tumour: list[str]
    why_no_tumour: str = ""


def regions_section(
    board: Board, stored: StoredArrays, embeddings: TableEmbeddings | None = None
) -> RegionsSection | None:
    """What a table's annotated slides say; None where there are none, or their predictions are not kept."""
    table, given = board.table, embeddings or TableEmbeddings({})
    if table.identity.protocol != PROTOCOL_VERSION:  # scores of other definitions cannot stand beside today's
        return None
    within = within_regions(table, stored)
    if within is None:
        return None
    sheets = within_sheets(within) if any(row.regions for row in within.rows) else []
    inside = [_grid(sheet) for sheet in sheets], within_sentences(within)
    try:
        found = localise(table, stored, embeddings=given.by_encoder)
    except UsageError as error:
        return RegionsSection(*inside, None, None, [], str(error))
    said = localised_sentences(found, given.why_none)
    grids = _grid(localised_sheet(found)), _grid(slide_sheet(found))
    return RegionsSection(*inside, *grids, said)


def _grid(sheet: Sheet) -> Grid:
    headings = (Heading(title, is_number=place >= sheet.n_words) for place, title in enumerate(sheet.titles))
    return Grid(sheet.caption, tuple(headings), tuple(Line(cells) for cells in sheet.lines))
