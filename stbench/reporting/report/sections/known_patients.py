"""Slides whose patient also trains beside those whose patient does not: where methods stand above the reference.

Near-copies of a test slide among the training slides make a slide split kinder than a new patient would be. Where one
split has slides of both sorts, the two are told apart in a sentence, without a test: it is of these slides alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from stbench.names import shown_name
from stbench.reporting.report.boards import Board, Entry
from stbench.reporting.report.grid import listed
from stbench.reporting.statistics.verdicts import MARGIN

_SCORE = "pcc_equal_depth"
# More names than these are counted in a sentence.
_MOST_NAMED = 4


def known_patients(board: Board, methods: Sequence[Entry]) -> str:
    """Which methods stand above the reference at equal depth, as a mean over either sort of slides; "" without both.

    methods  complete rows; the reference is that of the table, and none where it is not finished
    """
    reference = next((e for e in board.complete if e.row.label in board.table.references), None)
    if reference is None:
        return ""
    known = _slides_of_known_patients(reference)
    new = set(reference.patients) - known
    rivals = [entry for entry in methods if entry is not reference and set(entry.patients) == known | new]
    if not (known and new and rivals):
        return ""
    above = listed(_above(rivals, reference, known)) or "no row"
    below = listed(_above(rivals, reference, new)) or "none"
    return (
        f"At equal depth, on {_slides(known)}, whose patient also trains, more than {MARGIN} above "
        f"{shown_name(reference.label)}: {above}; on {_slides(new)}, whose patient does not: {below}."
    )


def _slides_of_known_patients(entry: Entry) -> set[str]:
    """The test slides of which another section of the same patient was among the training slides."""
    patient_of = entry.patients
    return {
        slide
        for record in entry.records
        for slide in record.test_slides
        if patient_of.get(slide)
        and patient_of[slide] in {patient_of.get(name) for name in record.train_slides}
    }


def _above(rivals: Sequence[Entry], reference: Entry, slides: set[str]) -> list[str]:
    """The rivals that stand above the reference by more than the margin; counted where they are many."""
    least = _mean(reference, slides)
    names = [
        shown_name(entry.label)
        for entry in rivals
        if (mean := _mean(entry, slides)) is not None and least is not None and mean - least > MARGIN
    ]
    return [f"{len(names)} of {len(rivals)} rows"] if len(names) > _MOST_NAMED else names


def _mean(entry: Entry, slides: set[str]) -> float | None:
    """The entry's mean over these slides, None where one has no value."""
    scores = entry.score_by_slide(_SCORE)
    values = [value for slide in sorted(slides) if (value := scores.get(slide)) is not None]
    return sum(values) / len(values) if len(values) == len(slides) else None


def _slides(slides: set[str]) -> str:
    names = [shown_name(name) for name in sorted(slides)]
    return f"{len(names)} slides" if len(names) > 2 * _MOST_NAMED else listed(names)
