"""PCC slide by slide: rows of the leaderboard by slides, grouped by patient."""

from __future__ import annotations

from dataclasses import dataclass

from stbench.names import shown_name
from stbench.reporting.report.boards import Board
from stbench.reporting.report.grid import Grid, Heading, Line, number, words


@dataclass(frozen=True)
class SlidesSection:
    """`pcc` holds one list for each label, one value or None for each slide."""

    slides: list[str]
    patients: list[str | None]
    labels: list[str]
    pcc: list[list[float | None]]
    grid: Grid


def slides_section(board: Board) -> SlidesSection:
    """The PCC of each row on each slide, slides of one patient side by side."""
    patient_of = {slide: patient for entry in board.entries for slide, patient in entry.patients.items()}
    slides = sorted(patient_of, key=lambda slide: (patient_of[slide] or "", slide))
    scores = {entry.label: entry.score_by_slide("pcc") for entry in board.entries}
    pcc = [[by_slide.get(slide) for slide in slides] for by_slide in scores.values()]
    headings = (*words("method"), *(_heading(slide, patient_of[slide]) for slide in slides))
    lines = [
        Line((label, *(number(value) for value in values))) for label, values in zip(scores, pcc, strict=True)
    ]
    return SlidesSection(
        slides,
        [patient_of[slide] for slide in slides],
        list(scores),
        pcc,
        Grid("PCC on each test slide", headings, tuple(lines)),
    )


def _heading(slide: str, patient: str | None) -> Heading:
    whose = f"patient {shown_name(patient)}" if patient else "patient not stated"
    return Heading(shown_name(slide), meaning=whose)
