"""A sensitivity check of the scores' intervals: patients drawn again, then slides within each."""

from __future__ import annotations

from dataclasses import dataclass

from stbench.names import shown_name
from stbench.reporting import statistics
from stbench.reporting.report.boards import Board, Entry
from stbench.reporting.report.grid import Grid, Line, interval, numbers, words
from stbench.reporting.report.patients import CORRELATIONS

LEAST = statistics.LEAST_PATIENTS_TO_RESAMPLE


@dataclass(frozen=True)
class BootstrapSection:
    """Both intervals of every complete row, or the sentence that says why there are none."""

    grid: Grid | None
    why_not: str
    how: str = (
        "The interval of a score is a t interval of Fisher's z over patients. Beside it the 95 % bootstrap interval, "
        "patients drawn again and then slides within each: where the two disagree, neither should be leant on."
    )


def bootstrap_section(board: Board) -> BootstrapSection:
    """The intervals of each of the three correlations, from 8 patients on."""
    n = board.table.n_patients
    if n is None:
        return BootstrapSection(None, "There is no bootstrap: it draws patients, and they are not stated.")
    if n < LEAST:
        return BootstrapSection(
            None, f"There is no bootstrap: it needs at least {LEAST} patients, and here are {n}."
        )
    titles = [title for name in CORRELATIONS.values() for title in (f"{name}, Fisher's z", "bootstrap")]
    lines = tuple(Line((shown_name(entry.label), *_cells(entry)), entry.row.kind) for entry in board.complete)
    caption = f"95 % intervals of the scores over {n} patients, two ways"
    return BootstrapSection(Grid(caption, (*words("method"), *numbers(*titles)), lines), "")


def _cells(entry: Entry) -> tuple[str, ...]:
    return tuple(interval(ends) for score in CORRELATIONS for ends in _intervals(entry, score))


def _intervals(entry: Entry, score: str) -> tuple[tuple[float, float] | None, tuple[float, float] | None]:
    """By Fisher's z and by bootstrap; None each where too few patients are scored."""
    by_slide, patients = entry.score_by_slide(score), entry.patients
    by_patient: dict[str, list[float]] = {}
    for slide, value in by_slide.items():
        patient = patients[slide]
        if value is not None and patient is not None:
            by_patient.setdefault(patient, []).append(value)
    means = statistics.patient_means(by_slide, patients) or {}
    return statistics.score_interval(means.values(), True), statistics.bootstrap_interval(by_patient)
