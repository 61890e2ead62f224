"""Slides whose patient trains are told from those whose patient does not, on committed scores and on hand-made rows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from reporting.record_factory import SLIDES, make_record

from stbench.record import Record
from stbench.reporting.report.boards import Board, boards_of, build_boards
from stbench.reporting.report.sections.known_patients import known_patients
from stbench.reporting.results.store import RunStore
from stbench.reporting.tables.leaderboard import build_tables

COMMITTED = Path(__file__).resolve().parents[3] / "leaderboards" / "her2-5slides-published-epochs"
FLOOR = 0.2


def rows(on_known: float, on_new: float) -> list[Record]:
    """A method so far above smooth on B1, B2, D1 and D2, and on C1, which is the only slide of its patient."""
    above = {slide: on_new if slide == "C1" else on_known for slide in SLIDES}
    return [
        *(make_record("smooth", s, kind="floor", scores={"pcc_equal_depth": FLOOR}) for s in SLIDES),
        *(make_record("eggn", s, scores={"pcc_equal_depth": FLOOR + above[s]}) for s in SLIDES),
    ]


def said_of(records: list[Record]) -> str:
    (board,) = build_boards(records, "smooth")
    return said(board, "method")


def said(board: Board, kind: str) -> str:
    return known_patients(board, [entry for entry in board.complete if entry.row.kind == kind])


@pytest.fixture(scope="module")
def published() -> Board:
    boards = boards_of(build_tables(RunStore(COMMITTED).records()[0]))
    return next(board for board in boards if board.table.n_genes == (250, 250))


def test_a_method_that_gains_by_near_copies_alone_is_said_to():
    assert said_of(rows(on_known=0.02, on_new=0.005)) == (
        "At equal depth, on B1, B2, D1 and D2, whose patient also trains, more than 0.01 above smooth: eggn; "
        "on C1, whose patient does not: none."
    )


def test_a_method_that_holds_on_a_new_patient_is_said_to():
    assert said_of(rows(on_known=0.0, on_new=0.02)).endswith(
        "above smooth: no row; on C1, whose patient does not: eggn."
    )


def test_where_no_patient_trains_that_is_tested_nothing_is_told_apart():
    """As a split by patient does: of the test slide's patient no other slide trains."""
    patient_of = {slide: slide[0] for slide in SLIDES}
    apart = [
        replace(r, train_slides=tuple(s for s in r.train_slides if patient_of[s] != patient_of[r.fold]))
        for r in rows(on_known=0.02, on_new=0.02)
    ]
    assert said_of(apart) == ""


def test_of_the_published_epochs_two_rows_gain_where_the_patient_trains_and_none_on_the_other(published):
    """By the stored scores of each slide: (.067 + .070 + .082 + .070) / 4 is .072, smooth's .060; B4 .030 and .024."""
    known, _, new = said(published, "external").partition("; on B4")
    assert known.count("spahgc") == 2 and "m2ost" not in known
    assert new == ", whose patient does not: none."
