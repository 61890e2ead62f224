"""What near-copies in the training slides are worth: the slide split against the patient split of the same rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from stbench.record import TableIdentity
from stbench.reporting.report.boards import Board
from stbench.reporting.report.grid import Grid, Line, number, numbers, words
from stbench.reporting.report.patients import CORRELATIONS
from stbench.reporting.row import Row

CAVEAT = (
    "The slide split also trains on more slides than the patient split, so a part of the gap is training size and not "
    "leakage."
)


@dataclass(frozen=True)
class SplitGapSection:
    """One grid for each pair of tables; where there is none, `what_to_run` says how to get one."""

    grids: list[Grid]
    what_to_run: str
    caveat: str = CAVEAT


def split_gap_section(boards: Sequence[Board]) -> SplitGapSection:
    """Pairs of tables that differ in nothing but the split."""
    by_patient = {_without_split(b.table.identity): b for b in boards if b.table.identity.split == "patient"}
    pairs = [
        (board, by_patient[key])
        for board in boards
        if board.table.identity.split == "slide"
        and (key := _without_split(board.table.identity)) in by_patient
    ]
    grids = [grid for slide, patient in pairs if (grid := _grid(slide, patient)).lines]
    return SplitGapSection(grids, "" if grids else _what_to_run(boards))


def _without_split(identity: TableIdentity) -> TableIdentity:
    return replace(identity, split="")


def _grid(by_slide: Board, by_patient: Board) -> Grid:
    others = {entry.label: entry.row for entry in by_patient.complete}
    titles = [title for name in CORRELATIONS.values() for title in (f"{name}, slide", "patient", "gap")]
    identity = by_slide.table.identity
    lines = [
        Line((e.label, *_cells(e.row, others[e.label])), e.row.kind)
        for e in by_slide.complete
        if e.label in others
    ]
    caption = (
        f"{identity.dataset}, genes {identity.genes}: slide split (table {by_slide.table.id}) minus patient split "
        f"(table {by_patient.table.id})"
    )
    return Grid(caption, (*words("method"), *numbers(*titles)), tuple(lines))


def _cells(by_slide: Row, by_patient: Row) -> list[str]:
    cells = []
    for score in CORRELATIONS:
        first, second = getattr(by_slide, score), getattr(by_patient, score)
        gap = None if first is None or second is None else first - second
        cells += [number(first), number(second), number(gap)]
    return cells


def _what_to_run(boards: Sequence[Board]) -> str:
    """One sentence with the command that gives the other split of the first table."""
    identity = boards[0].table.identity
    other = "patient" if identity.split == "slide" else "slide"
    methods = ",".join(
        sorted({entry.row.method for entry in boards[0].entries if entry.row.kind == "method"})
    )
    return (
        f"The gap needs the same methods and genes under both splits; run: stbench run --method "
        f"{methods or 'ridge'} --dataset {identity.dataset} --split {other} --inner {identity.inner} "
        f"--genes {identity.genes}, with everything else as before."
    )
