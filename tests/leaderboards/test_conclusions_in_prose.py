"""What the boards' own words conclude holds of the Records beside them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from statistics import fmean

import pytest

from stbench.record import Record
from stbench.reporting.report.boards import Board, Entry, boards_of
from stbench.reporting.results.store import RunStore
from stbench.reporting.tables.leaderboard import build_tables

BOARDS = Path(__file__).resolve().parents[2] / "leaderboards"
LITTLE = 0.01
OF_C = ("C2", "C3", "C4", "C5")  # slides whose patient also trains, unlike B4's
DEPTH_OUT = "pcc_equal_depth"


def records(name: str) -> list[Record]:
    return RunStore(BOARDS / name).records()[0]


def boards(name: str) -> list[Board]:
    return boards_of(build_tables(records(name)))


def board_of(name: str, **wanted: object) -> Board:
    """The one table of 250 genes whose identity has these values."""
    (found,) = [
        board
        for board in boards(name)
        if board.table.identity.genes == "train-hvg"
        and all(getattr(board.table.identity, field) == value for field, value in wanted.items())
    ]
    return found


def rows(board: Board, kind: str | None = None) -> dict[str, Entry]:
    return {entry.label: entry for entry in board.complete if kind in (None, entry.row.kind)}


def mean(entry: Entry, slides: Iterable[str], score: str = DEPTH_OUT) -> float:
    of_slide = entry.score_by_slide(score)
    return fmean(float(of_slide[slide] or 0) for slide in slides)


def test_of_the_floors_smoothed_depth_has_the_highest_pcc_and_a_null_as_high():
    row = max((entry.row for entry in rows(board_of("her2-core-floors")).values()), key=lambda row: row.pcc)
    assert row.method == "depth-smooth" and row.pcc_null > 0.95 * row.pcc
    of_all = [entry.row for entry in rows(board_of("her2-core-floors")).values() if entry.row.pcc]
    assert all(row.pcc_equal_depth < row.pcc / 4 for row in of_all)


def test_tuned_by_pcc_spahgc_says_where_spots_are_deep():
    row = rows(board_of("her2-5slides", split="slide", tune_on="pcc"))
    spahgc, smooth = row["spahgc (published settings)"].row, row["smooth"].row
    assert spahgc.pcc_null > 0.95 * spahgc.pcc
    assert abs(spahgc.pcc_equal_depth - smooth.pcc_equal_depth) < LITTLE


def test_tuned_at_equal_depth_the_released_spahgc_stands_highest_where_the_patient_trains():
    row = rows(board_of("her2-5slides", split="slide", tune_on="pcc-equal-depth"))
    assert max(row, key=lambda label: mean(row[label], OF_C)) == "spahgc (released)"
    assert row["spahgc (released)"].row.seeds == (0,)


@pytest.mark.parametrize("tune_on", ["pcc", "pcc-equal-depth"])
def test_where_the_patient_does_not_train_no_row_stands_above_smooth(tune_on: str):
    row = rows(board_of("her2-5slides", split="slide", tune_on=tune_on))
    assert all(mean(entry, ["B4"]) - mean(row["smooth"], ["B4"]) <= LITTLE for entry in row.values())


def _change(overrides: dict[str, object], score: str) -> dict[str, float]:
    """Patient -> what SpaHGC's published settings lose or gain by an ablation, first seed, tuned on PCC."""
    by_patient: dict[str, list[tuple[int, float]]] = {}
    for record in records("her2-5slides"):
        row, changed = record.row, dict(record.row.overrides)
        is_asked = (row.method, row.variant, record.seed) == (
            "spahgc",
            "paper",
            0,
        ) and record.table.tune_on == "pcc"
        if is_asked and changed in ({}, overrides):
            for slide in record.slides:
                sign = 1 if changed else -1
                by_patient.setdefault(str(slide.patient), []).append((sign, float(slide.scores[score] or 0)))
    n_slides = {patient: len(values) / 2 for patient, values in by_patient.items()}
    return {p: sum(sign * value for sign, value in values) / n_slides[p] for p, values in by_patient.items()}


def test_what_the_ablations_change_by_patient():
    for score in ("pcc", DEPTH_OUT):
        lost = _change({"edges": "CS+RS"}, score)
        assert len(lost) == 2 and max(lost.values()) < 0
    assert max(_change({"mask": "none"}, "pcc").values()) < 0
    least, most = sorted(_change({"mask": "none"}, DEPTH_OUT).values())
    assert least < 0 < most


def test_near_copies_are_worth_something_to_every_untuned_floor():
    matched, apart = (rows(board_of("her2-5slides", split=split)) for split in ("slide-matched", "patient"))
    untuned = [label for label in matched if "(untuned)" in label] + ["knn"]
    assert len(untuned) == 5
    for score in ("pcc", DEPTH_OUT):
        assert all(mean(matched[label], OF_C, score) > mean(apart[label], OF_C, score) for label in untuned)


def test_at_published_epochs_three_rows_stand_above_the_floors_where_the_patient_trains():
    board = board_of("her2-5slides-published-epochs")
    floors, others = rows(board, "floor"), rows(board, "external")
    highest = max(mean(entry, OF_C) for entry in floors.values())
    above = {entry.row.method.partition(" (")[0] for entry in others.values() if mean(entry, OF_C) > highest}
    assert above == {"spahgc", "m2ost"}
    smooth = mean(floors["smooth"], ["B4"])
    assert all(mean(entry, ["B4"]) - smooth <= LITTLE for entry in others.values())


def test_on_the_bulb_spahgc_stands_above_every_floor_and_the_null_is_less_than_half():
    board = board_of("mob_stahl", split="slide")
    floors = rows(board, "floor")
    presets = [entry for entry in rows(board, "method").values() if entry.row.method == "spahgc"]
    assert len(presets) == 2
    for slides in (("Rep1", "Rep2"), ("Rep11",)):
        for score in ("pcc", DEPTH_OUT):
            highest = max(mean(entry, slides, score) for entry in floors.values())
            assert all(mean(entry, slides, score) > highest for entry in presets)
    scored = [entry.row for entry in board.complete if entry.row.pcc and "depth" not in entry.row.method]
    assert len(scored) > 5 and all(row.pcc_null < row.pcc / 2 for row in scored)
