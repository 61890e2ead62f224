"""The figures of the page as files, for papers and slides."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from stbench.reporting.report.content import BoardContent
from stbench.reporting.report.figures import correlations, cost, ranks, slides, tissue
from stbench.reporting.report.figures.files import save_figure


def write_figures(folder: Path, contents: Sequence[BoardContent]) -> list[Path]:
    """Write every figure of every table as PNG and SVG; the files."""
    return [
        path
        for content in contents
        for name, figure in _figures(content)
        for path in save_figure(folder, f"{_prefix(content)}-{_safe(name)}", figure)
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


def _prefix(content: BoardContent) -> str:
    table = content.board.table
    return _safe(f"{table.identity.dataset}-{table.identity.split}-{table.id}")


def _safe(name: str) -> str:
    """The name with only those characters that every file system takes."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name)
