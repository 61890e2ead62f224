"""The figures of the page as files, for papers and slides."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from stbench.reporting.report.boards import Board
from stbench.reporting.report.content import BoardContent
from stbench.reporting.report.figures import correlations, cost, ranks, slides, tissue
from stbench.reporting.report.figures.files import SUFFIXES, save_figure


def write_figures(
    folder: Path, contents: Sequence[BoardContent], suffixes: Sequence[str] = SUFFIXES
) -> list[Path]:
    """Write every figure of every table, by default as PNG and SVG; the files."""
    return [
        path
        for content in contents
        for name, figure in _figures(content)
        for path in save_figure(folder, f"{figure_prefix(content.board)}-{_safe(name)}", figure, suffixes)
    ]


def _figures(content: BoardContent) -> Iterator[tuple[str, Figure]]:
    """Name and figure of all that can be drawn; a table without any finished fold has none."""
    if not content.slides.slides:
        return
    yield "slides", slides.printed(content.slides)
    yield "correlations", correlations.printed(content.correlations)
    for name, points, axis in (
        ("time", content.cost.by_time, cost.TIME),
        ("parameters", content.cost.by_parameters, cost.PARAMETERS),
    ):
        if points:
            yield name, cost.printed(points, axis)
    for section in content.rankings:
        if section.pairwise is not None:
            yield f"ranks-{section.name}", ranks.printed(section)
    for sheet in content.tissue.slides:
        if sheet["genes"]:
            yield f"map-{sheet['slide']}", tissue.printed(sheet, content.tissue.rows)


def figure_prefix(board: Board) -> str:
    """What the names of a table's figures begin with."""
    table = board.table
    return _safe(f"{table.identity.dataset}-{table.identity.split}-{table.id}")


def _safe(name: str) -> str:
    """The name with only those characters that every file system takes."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name)
