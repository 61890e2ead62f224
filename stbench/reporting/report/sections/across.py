"""Methods by data sets: one matrix for each recipe that several data sets were run with."""

from __future__ import annotations

from collections.abc import Sequence

from stbench.names import shown_name
from stbench.reporting.report.boards import Board
from stbench.reporting.report.grid import Grid, Heading, Line, number
from stbench.reporting.report.patients import CORRELATIONS
from stbench.reporting.tables.across import meeting, patches_apart
from stbench.reporting.tables.brief import is_twin
from stbench.reporting.tables.columns import inner_words


def across_grids(boards: Sequence[Board]) -> list[Grid]:
    """A grid for each recipe and correlation; [] where no two data sets share one."""
    alike = [
        {boards[place].table.identity.dataset: boards[place] for place in places}
        for places in meeting([board.table.identity for board in boards])
    ]
    return [_grid(of_recipe, score) for of_recipe in alike for score in CORRELATIONS]


def _grid(boards: dict[str, Board], score: str) -> Grid:
    identity = next(iter(boards.values())).table.identity
    scores: dict[str, dict[str, float | None]] = {}
    kinds: dict[str, str] = {}
    for dataset, board in boards.items():
        for entry in board.complete:
            if not is_twin(entry.row, board.table):
                scores.setdefault(entry.label, {})[dataset] = getattr(entry.row, score)
                kinds[entry.label] = entry.row.kind
    lines = [
        Line((label, *(number(found.get(dataset)) for dataset in boards)), kinds[label])
        for label, found in scores.items()
    ]
    caption = (
        f"{CORRELATIONS[score]}: {identity.split} split, genes {identity.genes}, {inner_words(identity)}"
    )
    if patches := patches_apart([board.table.identity for board in boards.values()]):
        caption += f"; {patches}"
    headings = (Heading("method", is_number=False), *(Heading(shown_name(dataset)) for dataset in boards))
    return Grid(caption, headings, tuple(lines))
