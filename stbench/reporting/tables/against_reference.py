"""Every row against the reference named before the run, for each of the three correlations.

Rows of kind method, released and external are one family of tests a score; floors and untuned twins are tested
apart. A released predictor that saw a test slide is not tested: its score is not held out. Rows of several encoders
have a reference of their own encoder and a family of their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stbench.reporting.statistics import Comparison, compare_with_reference, patient_means
from stbench.reporting.tables.floors import best_known, encoder_beside
from stbench.reporting.tables.row import Row
from stbench.reporting.tables.rows import CORRELATIONS

Tests = Mapping[str, tuple[Comparison, ...]]
METHODS, FLOORS = "methods", "floors"


def references_of(rows: Sequence[Row], name: str) -> dict[str | None, Row]:
    """Encoder -> the row that all others of it are tested against; none where it is not finished on every fold."""
    found = {
        encoder: best_known(rows, name, encoder) for encoder in {encoder_beside(row, rows) for row in rows}
    }
    return {encoder: row for encoder, row in found.items() if row is not None and row.ranked}


def tests_of(rows: Sequence[Row], references: Mapping[str | None, Row]) -> dict[str, tuple[Comparison, ...]]:
    """Score -> the tests of all rows, in the order of the rows; nothing where patients are not stated."""
    return {score: _tests(rows, references, score) for score in CORRELATIONS}


def _tests(rows: Sequence[Row], references: Mapping[str | None, Row], score: str) -> tuple[Comparison, ...]:
    found: dict[str, Comparison] = {}
    for encoder, reference in references.items():
        own = [
            row for row in rows if encoder_beside(row, rows) == encoder and not (row.replaced or row.saw_test)
        ]
        means = {row.label: paired_means(row, reference, score) for row in own}
        stated = {label: scores for label, scores in means.items() if scores}
        if reference.label not in stated:
            continue
        families = {row.label: family_of(row) for row in own}
        found |= {c.method: c for c in compare_with_reference(stated, reference.label, families=families)}
    return tuple(found[row.label] for row in rows if row.label in found)


def family_of(row: Row) -> str:
    """Which tests a row is corrected together with."""
    return FLOORS if row.kind == "floor" or row.variant == "untuned" else METHODS


def paired_means(row: Row, reference: Row, score: str) -> dict[str, float]:
    """A row's score by patient, such that its difference from the reference's is that over their common slides.

    Differences are taken slide by slide, then averaged within patient; a row that lacks a slide of a patient is not
    compared with the reference's mean over slides that it never saw. Empty where patients are not stated.
    """
    patients = {slide.slide: slide.patient for slide in reference.slides}
    own, others = _scores(row, score), _scores(reference, score)
    common = {slide: own[slide] - others[slide] for slide in own.keys() & others.keys()}
    differences = patient_means(common, patients) or {}
    of_reference = patient_means(others, patients) or {}
    return {patient: of_reference[patient] + value for patient, value in differences.items()}


def _scores(row: Row, score: str) -> dict[str, float]:
    values = {slide.slide: getattr(slide, score) for slide in row.slides}
    return {slide: value for slide, value in values.items() if value is not None}
