"""Slides with measured and predicted genes and, where annotated, clusters: all that needs stored arrays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from threadpoolctl import threadpool_limits

from stbench.errors import StorageError
from stbench.record import SlideScores
from stbench.reporting.report.boards import Board
from stbench.reporting.report.sections.choosing import chosen_genes
from stbench.reporting.report.sections.clusters import add_clusters, new_clusters
from stbench.reporting.report.sections.markers import about_markers
from stbench.reporting.report.sections.sheets import add_prediction, new_sheet
from stbench.reporting.report.stored import SlideArrays, StoredArrays
from stbench.reporting.tables.brief import is_twin

NO_ARRAYS = (
    "The Records of this table came without predictions and truths, which this part is drawn from; run stbench report "
    "on the results folder that made them, or on a bundle of it."
)
NO_ANNOTATION = "None of these slides has an annotation with at least two labels to compare clusters with."


@dataclass(frozen=True)
class TissueSection:
    """Drawn slides as plain values by name; `why_none` and `why_no_clusters` say what is missing, "" where nothing is.

    rows     labels that the slides' values refer to by place
    folded   places of floors' untuned twins, which are not drawn at first
    floors   places of all floors, of which a few are drawn at first
    problems a sentence for each stored array that does not fit
    markers  which marker genes there are, and which of them no panel holds; "" without any
    """

    slides: list[dict[str, Any]]
    rows: list[str]
    why_none: str
    why_no_clusters: str
    problems: list[str]
    markers: str = ""
    folded: tuple[int, ...] = ()
    floors: tuple[int, ...] = ()


def tissue_section(
    board: Board, stored: StoredArrays, wanted: Sequence[str], n_genes: int, markers: Sequence[str] = ()
) -> TissueSection:
    """Draw the first seed of every row on each slide, at most `n_genes` genes each, wanted ones and markers first."""
    scores = _scores_by_slide(board)
    sheets: dict[str, dict[str, Any]] = {}
    problems: list[str] = []
    with threadpool_limits(1):  # matrices so small that threads would only wait for each other
        for place, slide, arrays in _arrays(board, stored):
            if slide not in sheets:
                chosen = chosen_genes(scores[slide], wanted, n_genes, markers)
                sheets[slide] = new_sheet(arrays.truth, chosen, arrays.record.table.target)
                about = arrays.record.unlabelled, arrays.record.table.target
                sheets[slide]["clusters"] = new_clusters(arrays.truth, *about)
            try:
                _add(sheets[slide], place, arrays)
            except StorageError as error:
                problems.append(str(error))
    slides = [sheet for _, sheet in sorted(sheets.items())]
    annotated = any(sheet["clusters"] for sheet in slides)
    why_none = "" if slides else NO_ARRAYS
    return TissueSection(
        slides,
        [entry.label for entry in board.entries],
        why_none,
        why_none or ("" if annotated else NO_ANNOTATION),
        problems,
        about_markers(board, markers),
        tuple(place for place, entry in enumerate(board.entries) if is_twin(entry.row, board.table)),
        tuple(place for place, entry in enumerate(board.entries) if entry.row.kind == "floor"),
    )


def _arrays(board: Board, stored: StoredArrays) -> Iterator[tuple[int, str, SlideArrays]]:
    """Place of the row, slide and arrays, one Record at a time: together they may not fit into memory."""
    for place, entry in enumerate(board.entries):
        for record in entry.first_seed():
            for slide, arrays in stored.of(record).items():
                yield place, slide, arrays


def _add(sheet: dict[str, Any], place: int, arrays: SlideArrays) -> None:
    add_prediction(sheet, place, arrays)
    if sheet["clusters"]:
        add_clusters(sheet["clusters"], place, arrays)


def _scores_by_slide(board: Board) -> dict[str, list[SlideScores]]:
    found: dict[str, list[SlideScores]] = {}
    for entry in board.entries:
        for scored in entry.slide_scores():
            found.setdefault(scored.slide, []).append(scored)
    return found
