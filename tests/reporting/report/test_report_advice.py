"""What the page advises: no more than the patients carry, on a committed table and on rows that differ clearly."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from reporting.record_factory import TABLE, complete
from reporting.report.paper_rows import PCC

from stbench.record import Record
from stbench.reporting.report.boards import boards_of, build_boards
from stbench.reporting.report.sections.advice import advice
from stbench.reporting.results.store import RunStore
from stbench.reporting.tables.leaderboard import build_tables

COMMITTED = Path(__file__).resolve().parents[3] / "leaderboards" / "her2-5slides-published-epochs"


def test_two_patients_say_which_is_better_of_nothing():
    boards = boards_of(build_tables(RunStore(COMMITTED).records()[0]))
    of_250 = next(board for board in boards if board.table.n_genes == (250, 250))
    first, depth, *_, genes = advice(of_250)
    assert first == (
        "By PCC and by equal-depth PCC, no method may be called better than smooth: "
        "2 patients can tell nothing apart, whatever the scores."
    )
    best = max((row for row in of_250.table.rows if row.kind == "external"), key=lambda row: row.pcc or 0)
    assert best.label in depth and f"{best.pcc:.3f}" in depth and f"a null of {best.pcc_null:.3f}" in depth
    assert "says where spots are deep" in depth
    assert "a list and no claim" in genes


def test_what_the_tests_can_tell_is_told():
    slides = tuple(f"{letter}1" for letter in "ABCDEFGH")
    patients, table = {slide: slide[0] for slide in slides}, replace(TABLE, slides=slides)
    levels = {"smooth": 0.10, "eggn": 0.30, "bleep": 0.10}
    records = [
        record
        for method, level in levels.items()
        for record in complete(
            method,
            # bleep is as often above the reference as below it.
            {
                slide: level + (-1) ** i * (0.01 if method == "bleep" else 0.001)
                for i, slide in enumerate(slides)
            },
            table=table,
            patients=patients,
            kind="floor" if method == "smooth" else "method",
        )
    ]
    (board,) = build_boards(records, "smooth")
    first, *_ = advice(board)
    assert first == "By PCC, eggn can be told from smooth as better, by 8 patients."


def _with_null(records: list[Record]) -> list[Record]:
    """The Records with a null of 0.1 on each slide."""
    return [
        replace(record, slides=tuple(replace(s, scores={**s.scores, "pcc_null": 0.1}) for s in record.slides))
        for record in records
    ]


def test_a_floor_above_every_method_is_named():
    """On the demo, knn stands above SpaHGC: the page once called SpaHGC's the highest PCC. Patient means .2, .4, .6."""
    higher = {slide: score + 0.005 for slide, score in PCC.items()}
    floor_first = [*complete("eggn", PCC), *complete("knn", higher, kind="floor")]
    (board,) = build_boards(_with_null(floor_first), "knn")
    depth = next(sentence for sentence in advice(board) if "a null of" in sentence)
    assert depth.startswith(
        "The highest PCC of a method, 0.400 of eggn, stands below 0.405 of the floor knn and beside a null of 0.100:"
    )
    method_first = [*complete("eggn", higher), *complete("knn", PCC, kind="floor")]
    (board,) = build_boards(_with_null(method_first), "knn")
    depth = next(sentence for sentence in advice(board) if "a null of" in sentence)
    assert depth.startswith("The highest PCC, 0.405 of eggn, stands beside a null of 0.100:")


def test_floors_alone_are_no_ground_for_advice():
    (board,) = build_boards(complete("smooth", PCC, kind="floor"), "smooth")
    assert advice(board) == []
