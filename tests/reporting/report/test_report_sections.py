"""What the sections of the page say, against numbers worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from reporting.record_factory import TABLE, complete
from reporting.report.paper_rows import BETTER, PCC, WORSE, board, rows

from stbench.reporting.report.boards import build_boards
from stbench.reporting.report.sections.correlations import correlations_section
from stbench.reporting.report.sections.cost import cost_section, pareto_front
from stbench.reporting.report.sections.leaderboard import leaderboard_section
from stbench.reporting.report.sections.origin import origin_section
from stbench.reporting.report.sections.slides import slides_section
from stbench.reporting.report.sections.split_gap import split_gap_section


def test_the_leaderboard_puts_marks_beside_the_name():
    few = {"cost": {"steps": 10}, "published_steps": 100}
    lines = leaderboard_section(board(*complete("stnet", PCC, **few), *rows()).table).grid.lines
    assert {line.cells[1]: line.marks for line in lines}["stnet"] == ("few steps",)


def test_the_leaderboard_has_the_table_s_rows_and_ranks():
    grid = leaderboard_section(board(*rows()).table).grid
    titles = [heading.title for heading in grid.headings]
    assert [line.cells[:2] for line in grid.lines] == [
        ("1", "eggn"),
        ("2", "ridge"),
        ("3", "bleep"),
        ("", "ceiling"),
    ]
    assert [line.cells[titles.index("PCC")] for line in grid.lines] == ["0.433", "0.400", "0.350", "0.800"]
    assert grid.kinds == ["method", "floor", "ceiling"]
    assert {line.kind for line in grid.lines} == set(grid.kinds)
    assert all(len(line.cells) == len(grid.headings) for line in grid.lines)


def test_the_answer_leads_with_what_the_patients_cannot_tell():
    assert leaderboard_section(board(*rows()).table).answer == (
        "With 3 patients it cannot be told whether eggn and bleep predict better than ridge (PCC)."
    )
    alone = complete("bleep", WORSE)
    assert leaderboard_section(board(*alone).table).answer.startswith("Nothing was tested")


def test_floors_alone_are_answered_for_as_well():
    floors = [r for name, pcc in (("ridge", PCC), ("knn", WORSE)) for r in complete(name, pcc, kind="floor")]
    answer = leaderboard_section(board(*floors).table).answer
    assert answer == "With 3 patients it cannot be told whether knn predicts better than ridge (PCC)."


def test_a_remark_is_told_once_with_its_rows_and_the_rare_ones_first():
    budgets = [replace(record, notes=("24 steps", "tuned here")) for record in complete("eggn", BETTER)]
    others = [replace(record, notes=("tuned here",)) for record in complete("bleep", WORSE)]
    section = leaderboard_section(board(*complete("ridge", PCC, kind="floor"), *budgets, *others).table)
    assert [note for note in section.notes if "ceiling" not in note] == [
        "eggn: 24 steps",
        "eggn and bleep: tuned here",
    ]


def test_entries_hold_the_records_of_their_rows():
    found = board(*rows())
    assert [(entry.label, len(entry.records)) for entry in found.entries] == [
        ("eggn", 5),
        ("ridge", 5),
        ("bleep", 5),
    ]
    assert all(record.row.method == entry.row.method for entry in found.entries for record in entry.records)


def test_rows_that_differ_in_budget_alone_keep_apart():
    short, long = (complete("eggn", PCC) for _ in range(2))
    short = [replace(r, key=f"s{r.key}", row=replace(r.row, budget="at most 5 epochs")) for r in short]
    long = [replace(r, key=f"l{r.key}", row=replace(r.row, budget="at most 60 epochs")) for r in long]
    labels = {entry.label for entry in board(*short, *long).entries}
    assert labels == {"eggn (at most 5 epochs)", "eggn (at most 60 epochs)"}


def test_seeds_are_averaged_slide_by_slide():
    both = [*complete("ridge", PCC), *complete("ridge", dict.fromkeys(PCC, 0.0), seed=1)]
    assert slides_section(board(*both)).pcc == [[0.05, 0.15, 0.2, 0.25, 0.35]]


def test_slides_of_one_patient_stand_side_by_side():
    other = {"B1": "Z", "B2": "A", "C1": "Z", "D1": "A", "D2": "M"}
    section = slides_section(board(*complete("ridge", PCC, patients=other)))
    assert section.slides == ["B2", "D1", "D2", "B1", "C1"] and section.patients == ["A", "A", "M", "Z", "Z"]
    assert section.grid.lines[0].cells == ("ridge", "0.300", "0.500", "0.700", "0.100", "0.400")


def test_correlations_stand_beside_their_nulls():
    scores: dict[str, float | None] = {"pcc_null": 0.15, "pcc_given_depth": 0.03}
    section = correlations_section(board(*complete("ridge", PCC, scores=scores)))
    assert section.grid.lines[0].cells == ("ridge", "0.400", "0.150", "0.030", "0.010")
    assert [h.title for h in section.grid.headings][1:] == [
        "PCC",
        "null",
        "PCC given depth",
        "equal-depth PCC",
    ]
    assert "neither bounds the other" in section.how_to_read


@pytest.mark.parametrize(
    ("points", "front"),
    [
        ([(1, 0.1), (2, 0.2), (3, 0.15)], [True, True, False]),
        ([(1, 0.1), (1, 0.1)], [True, True]),
        ([(1, 0.2), (1, 0.1), (2, 0.2)], [True, False, False]),
        ([], []),
    ],
)
def test_the_front_holds_what_nobody_beats_at_its_price(points, front):
    assert pareto_front(points) == front


def test_cost_compares_complete_rows_only():
    section = cost_section(board(*rows(), *complete("stnet", {"B1": 0.9}, cost={"fit_seconds": 0.1})))
    assert [(p.label, p.price, p.on_front) for p in section.by_time] == [
        ("bleep", 1.0, True), ("ridge", 2.0, True), ("eggn", 8.0, True),
    ]  # fmt: skip
    assert [(p.label, p.on_front) for p in section.by_parameters] == [
        ("eggn", True), ("ridge", False), ("bleep", False),
    ]  # fmt: skip


def test_the_size_matched_gap_stands_before_the_plain_one():
    by_patient = _ridge("patient", WORSE, "2026-02")
    ahead = {"B1": 0.0, "B2": 0.02, "C1": 0.03, "D1": 0.04, "D2": 0.06}  # 0.01, 0.03, 0.05 by patient
    matched = _ridge("slide-matched", {slide: WORSE[slide] + ahead[slide] for slide in PCC}, "2026-03")
    section = split_gap_section(build_boards([*rows(), *by_patient, *matched], "ridge"))
    assert [[line.cells[:4] for line in grid.lines] for grid in section.grids] == [
        # 0.03 +- 4.303 * 0.02 / sqrt(3)
        [("ridge", "0.380", "0.350", "0.030 (-0.020 to 0.080)")],
        [("ridge", "0.400", "0.350", "0.050 (0.050 to 0.050)")],
    ]
    assert "; size-matched" in section.grids[0].caption and "; not size-matched" in section.grids[1].caption
    assert section.commands == []


def test_the_gap_of_few_patients_says_that_they_could_not_share_a_tuning():
    pairs = replace(TABLE, inner="pairs")
    tables = (pairs, replace(pairs, split="patient"))
    records = [record for table in tables for record in complete("ridge", PCC, kind="floor", table=table)]
    (grid,) = split_gap_section(build_boards(records, "ridge")).grids
    assert "tuned differently" in grid.caption


def test_without_the_other_splits_the_page_says_what_to_run():
    section = split_gap_section([board(*rows())])
    assert section.grids == []
    command = "stbench run --method bleep,eggn --dataset her2 --split {} --inner all --genes train-hvg"
    assert section.commands == [command.format("patient"), command.format("slide-matched")]
    both = split_gap_section(build_boards([*rows(), *_ridge("patient", WORSE, "2026-02")], "ridge"))
    assert len(both.grids) == 1
    assert both.commands == [command.format("slide-matched")]


def _ridge(split, pcc, finished_at):
    return complete("ridge", pcc, kind="floor", table=replace(TABLE, split=split), finished_at=finished_at)


def test_tables_of_other_panels_make_no_gap():
    other = replace(TABLE, split="patient", panel="q" * 16)
    records = [*rows(), *complete("ridge", WORSE, table=other, finished_at="2026-02")]
    assert split_gap_section(build_boards(records, "ridge")).grids == []


def test_provenance_names_every_value_once():
    machines = ({"processor": "A", "device": "cpu"}, {"processor": "B", "device": "cuda"})
    records = [
        replace(
            record,
            provenance={**record.provenance, **machines[i % 2], "git": {"commit": "abc", "changed": True}},
        )
        for i, record in enumerate(complete("ridge", PCC))
    ]
    section = origin_section(board(*records))
    facts = dict(section.facts)
    assert facts["machine"] == "A, cpu · B, cuda" and facts["commit"] == "abc with uncommitted changes"
    assert facts["finished"] == "2026-01-02T03:04:05Z" and facts["protocol"] == str(TABLE.protocol)
    assert section.grid.lines[0].cells[1] == "penalty=100.0"
