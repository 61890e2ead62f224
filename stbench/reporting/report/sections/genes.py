"""How well single genes are predicted, and which of them may be trusted where patients are enough to say so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stbench.reporting.report.boards import Board, Entry
from stbench.reporting.report.grid import Grid, Heading
from stbench.reporting.report.patients import CORRELATIONS
from stbench.reporting.report.per_gene import GeneScores, gene_scores
from stbench.reporting.report.sections.markers import about_markers, markers_grid
from stbench.reporting.statistics.reliability import LEAST_PATIENTS_TO_TRUST, gene_reliability

_COLUMNS = (*CORRELATIONS, "ceiling", "detection")
HEADINGS = (
    Heading("gene", is_number=False),
    Heading(
        "scored in",
        meaning="patients (slides where not stated) whose panel holds the gene and where it varies",
    ),
    Heading("PCC", meaning="mean over patients"),
    Heading("PCC given depth", meaning="mean over patients, depth taken out"),
    Heading("equal-depth PCC", meaning="mean over patients, all spots at one depth"),
    Heading("ceiling", meaning="the highest PCC that noise allows; empty where not measurable"),
    Heading("detection", meaning="share of scored spots with a count above 0"),
)


@dataclass(frozen=True)
class GenesSection:
    """`rows` holds plain values for each method: genes, units in which each is defined, columns, genes that pass.

    The first `n_markers` genes of a row are marker genes. Where there are too few patients to judge, `passed` holds
    None and `why_no_trust` says so. `about_panels` says why the list is longer than a panel, where it is.
    `about_markers` says which markers the panels lack; `markers` is a table of all rows' scores on the others.
    """

    rows: list[dict[str, Any]]
    why_no_trust: str
    about_panels: str
    about_markers: str = ""
    markers: Grid | None = None
    headings: tuple[Heading, ...] = HEADINGS


def genes_section(board: Board, markers: Sequence[str] = ()) -> GenesSection:
    """Every row that has scores per gene; `markers` are the data set's marker genes, which stand first."""
    rows = [row for row in (_row(entry, markers) for entry in board.entries) if row["genes"]]
    n_patients = board.table.n_patients
    if n_patients is None:
        why = "Patients are not stated, so nothing is said about which genes hold for new patients."
    elif n_patients < LEAST_PATIENTS_TO_TRUST:
        why = (
            f"This is a list without a claim: saying which genes hold for new patients needs at least "
            f"{LEAST_PATIENTS_TO_TRUST} patients, and here are {n_patients}."
        )
    else:
        why = ""
    said = about_markers(board, markers)
    return GenesSection(rows, why, _about_panels(board, rows), said, markers_grid(board, markers))


def _about_panels(board: Board, rows: list[dict[str, Any]]) -> str:
    """Why the list is longer than a panel, where folds chose theirs apart."""
    largest = board.table.n_genes[1] if board.table.n_genes else 0
    longest = max((len(row["genes"]) for row in rows), default=0)
    return (
        "Each fold chose its own panel: the list holds the genes of all of them." if longest > largest else ""
    )


def _row(entry: Entry, markers: Sequence[str]) -> dict[str, Any]:
    found = {column: gene_scores(entry, column, first=markers) for column in _COLUMNS}
    first = found["pcc"]
    return {
        "label": entry.label,
        "genes": list(first.genes),
        "n_markers": len(set(markers) & set(first.genes)),
        "defined": first.n_defined.tolist(),
        "columns": [_plain(found[column].mean) for column in _COLUMNS],
        "passed": [trusted_genes(found[column]) for column in CORRELATIONS],
    }


def trusted_genes(scores: GeneScores) -> list[int] | None:
    """Places of the genes that may be trusted, None where there are too few patients to say."""
    if scores.patients is None or scores.patients < LEAST_PATIENTS_TO_TRUST:
        return None
    return np.flatnonzero(gene_reliability(scores.by_unit).trusted).tolist()


def _plain(values: np.ndarray) -> list[float | None]:
    return [round(float(value), 3) if np.isfinite(value) else None for value in values]
