"""Notes of several folds: told once, with ranges, and never joined one after the other."""

from __future__ import annotations

from reporting.record_factory import make_record

from stbench.reporting.tables.alike_notes import summarised
from stbench.reporting.tables.leaderboard import build_tables


def test_notes_that_differ_in_numbers_alone_become_one_with_their_range():
    notes = [
        f"Mean cosine of two embeddings: {value} (1: no spread)." for value in ("0.965", "0.960", "0.970")
    ]
    assert summarised(notes) == ["Mean cosine of two embeddings: 0.960 to 0.970 (1: no spread)"]
    assert summarised(["10,850 steps", "3100 steps"]) == ["3100 to 10,850 steps"]
    assert summarised(["rate 1e-06", "rate -1e-05"]) == ["rate -1e-05 to 1e-06"]


def test_the_same_note_is_told_once_and_others_stay_as_they_are_in_their_order():
    notes = ["no copies", "stbench at 6cb1368 on an H100", "no copies.", "kernel 3x3", "kernel 5x5"]
    assert summarised(notes) == ["no copies", "stbench at 6cb1368 on an H100", "kernel 3x3", "kernel 5x5"]


def test_slides_are_listed_and_many_are_counted():
    slides = {f"A{number}" for number in range(1, 12)}
    assert summarised(["7 genes lack on A1", "3 genes lack on A10", "7 genes lack on A2"], slides) == [
        "3 to 7 genes lack on A1, A10, A2"
    ]
    assert summarised([f"2 genes lack on {name}" for name in sorted(slides)], slides) == [
        "2 genes lack on 11 slides"
    ]


def test_a_row_of_five_folds_has_one_note():
    made = [
        make_record("cmrcnet", slide, notes=(f"Mean cosine {0.96 + place / 1000:.3f}.",))
        for place, slide in enumerate(("B1", "B2", "C1", "D1", "D2"))
    ]
    (table,) = build_tables(made)
    assert table.rows[0].notes == ("Mean cosine 0.960 to 0.964",)
