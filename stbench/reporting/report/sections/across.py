"""Methods by data sets: one matrix for each recipe that several data sets were run with."""

from __future__ import annotations

from collections.abc import Sequence

from stbench.names import shown_name
from stbench.record import TableIdentity
from stbench.reporting.report.boards import Board
from stbench.reporting.report.grid import Grid, Heading, Line, number
from stbench.reporting.report.patients import CORRELATIONS
from stbench.reporting.tables.across import recipe
from stbench.reporting.tables.brief import is_twin
from stbench.reporting.tables.columns import inner_words


def across_grids(boards: Sequence[Board]) -> list[Grid]:
    """A grid for each recipe and correlation; [] where no two data sets share one."""
    alike: dict[TableIdentity, dict[str, Board]] = {}
    for board in boards:
        identity = board.table.identity
        alike.setdefault(recipe(identity), {}).setdefault(identity.dataset, board)
    return [
        _grid(of_recipe, score)
        for of_recipe in alike.values()
        if len(of_recipe) > 1
        for score in CORRELATIONS
    ]


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
    caption += _patches(boards)
    headings = (Heading("method", is_number=False), *(Heading(shown_name(dataset)) for dataset in boards))
    return Grid(caption, headings, tuple(lines))


def _patches(boards: dict[str, Board]) -> str:
    """The patches of each data set, where they differ."""
    patches = {dataset: board.table.identity.patch for dataset, board in boards.items()}
    if len(set(patches.values())) == 1:
        return ""
    named = ", ".join(f"{patch or 'none'} on {shown_name(dataset)}" for dataset, patch in patches.items())
    return f"; patches by each data set's own scale: {named}"
