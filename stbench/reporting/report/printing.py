"""The figures of the page as files, for papers and slides."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from stbench.names import file_name, portable
from stbench.reporting.report.boards import Board
from stbench.reporting.report.content import BoardContent
from stbench.reporting.report.figures import correlations, cost, forest, prices, ranks, slides, tissue
from stbench.reporting.report.figures.files import SUFFIXES, save_figure


def write_figures(
    folder: Path, contents: Sequence[BoardContent], suffixes: Sequence[str] = SUFFIXES
) -> list[Path]:
    """Write every figure of every table, by default as PNG and SVG; the files."""
    return [
        path
        for content in contents
        for name, figure in _figures(content)
        for path in save_figure(
            folder, f"{figure_prefix(content.board)}-{name}", figure, content.board.synthetic, suffixes
        )
    ]


def _figures(content: BoardContent) -> Iterator[tuple[str, Figure]]:
    """Name and figure of all that can be drawn; a table without any finished fold has none."""
    if not content.slides.slides:
        return
    yield "forest", forest.printed(content.forest)
    yield "slides", slides.printed(content.slides)
    yield "correlations", correlations.printed(content.correlations)
    for name, points, axis in (
        ("time", content.cost.by_time, cost.TIME),
        ("parameters", content.cost.by_parameters, cost.PARAMETERS),
    ):
        if points:
            yield name, cost.printed(points, axis)
    if content.cost.prices:
        yield "cost", prices.printed(content.cost.prices)
    for section in content.rankings:
        if section.pairwise is not None and not ranks.why_not_drawn():
            yield f"ranks-{portable(section.name)}", ranks.printed(section)
    for sheet in content.tissue.slides:
        if sheet["genes"]:
            yield (
                f"map-{file_name(sheet['slide'])}",
                tissue.printed(sheet, content.tissue.rows, content.tissue.folded),
            )


def left_out(contents: Sequence[BoardContent]) -> list[str]:
    """A sentence where diagrams that the tests allow are not drawn, since a package is not installed."""
    allowed = any(section.pairwise is not None for content in contents for section in content.rankings)
    return [sentence for sentence in (ranks.why_not_drawn(),) if sentence and allowed]


def figure_prefix(board: Board) -> str:
    """What the names of a table's figures begin with."""
    table = board.table
    return f"{portable(table.identity.dataset)}-{portable(table.identity.split)}-{table.id}"
