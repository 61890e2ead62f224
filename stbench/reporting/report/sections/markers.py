"""The marker genes of a data set on one table: which its panels hold, and how each row scores on them."""

from __future__ import annotations

from collections.abc import Sequence

from stbench.reporting.report.boards import Board
from stbench.reporting.report.grid import Grid, Heading, Line, listed, number
from stbench.reporting.report.patients import CORRELATIONS
from stbench.reporting.report.per_gene import gene_scores

_HEADINGS = (
    Heading("gene", is_number=False),
    Heading("method", is_number=False),
    Heading("scored in", meaning="patients (slides where not stated) where it is on the panel and varies"),
    Heading("PCC", meaning="mean over patients"),
    Heading("PCC given depth", meaning="mean over patients, depth taken out"),
    Heading("equal-depth PCC", meaning="mean over patients, all spots at one depth"),
)


def about_markers(board: Board, markers: Sequence[str]) -> str:
    """A sentence or more: which markers stand on the folds' panels, and which do not; "" where there are none to show.

    A fold whose jobs all failed has no panel and does not count.
    """
    panels = {record.fold: set(record.panel_genes) for record in board.records if record.panel_genes}
    if not markers or not panels:
        return ""
    on = {gene: sum(gene in panel for panel in panels.values()) for gene in markers}
    everywhere = [gene for gene, n in on.items() if n == len(panels)]
    nowhere = [gene for gene, n in on.items() if n == 0]
    one, shown = len(markers) == 1, len(nowhere) < len(markers)
    first = (("; it stands" if one else "; they stand") + " first") if shown else ""
    said = [f"Marker gene{'' if one else 's'} of this data set: {listed(markers)}{first}."]
    if nowhere:
        are = "is" if len(nowhere) == 1 else "are"
        said.append(f"{listed(nowhere)} {are} not on the gene panel and {are} not scored here.")
    said += [
        f"{gene} is on the panel of {n} of {len(panels)} folds."
        for gene, n in on.items()
        if gene not in everywhere and gene not in nowhere
    ]
    return " ".join(said)


def markers_grid(board: Board, markers: Sequence[str]) -> Grid | None:
    """A line for each marker and row that is scored on it, in the markers' order; None where there is none."""
    scores = [{name: gene_scores(entry, name) for name in CORRELATIONS} for entry in board.entries]
    lines = []
    for gene in markers:
        for entry, found in zip(board.entries, scores, strict=True):
            if gene not in found["pcc"].genes:
                continue
            place = found["pcc"].genes.index(gene)
            n_defined = int(found["pcc"].n_defined[place])
            values = [_defined(found[name].mean[place]) for name in CORRELATIONS]
            cells = (gene, entry.label, str(n_defined), *(number(value) for value in values))
            lines.append(Line(cells, kind=entry.row.kind))
    return Grid("Marker genes, means over patients", _HEADINGS, tuple(lines)) if lines else None


def _defined(value: float) -> float | None:
    return None if value != value else float(value)
