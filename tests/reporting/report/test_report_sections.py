"""What the sections of the page say, against numbers worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from reporting.record_factory import TABLE, complete
from reporting.report.paper_rows import BETTER, PCC, WORSE, board, rows

from stbench.reporting.report.boards import build_boards
from stbench.reporting.report.content import gather
from stbench.reporting.report.sections.correlations import correlations_section
from stbench.reporting.report.sections.cost import cost_section, pareto_front
from stbench.reporting.report.sections.leaderboard import leaderboard_section
from stbench.reporting.report.sections.origin import origin_section
from stbench.reporting.report.sections.slides import slides_section
from stbench.reporting.report.sections.split_gap import split_gap_section
from stbench.reporting.report.stored import StoredArrays


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
    assert answer.startswith(
        "With 3 patients it cannot be told whether knn predicts better than ridge (PCC)."
    )
    assert "No method stands here" in answer and "beat is ridge, 0.400" in answer
    methods = [*floors, *complete("eggn", BETTER)]
    assert "No method stands here" not in leaderboard_section(board(*methods).table).answer


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
    assert "tuned differently" in grid.caption and "only rows that were not tuned" in grid.caption


def test_where_splits_were_tuned_apart_the_rows_that_were_tuned_are_marked_and_stand_last():
    pairs = replace(TABLE, inner="pairs")
    records = []
    for table in (pairs, replace(pairs, split="patient")):
        ridge = complete("ridge", PCC, kind="floor", table=table, tuning={"settings": {}, "epochs": None})
        records += [
            *ridge,
            *_twins("ridge", WORSE, table),
            *complete("knn", WORSE, kind="floor", table=table),
        ]
    (grid,) = split_gap_section(build_boards(records, "ridge")).grids
    assert {line.cells[0]: line.marks for line in grid.lines[:2]} == {"ridge (untuned)": (), "knn": ()}
    assert (grid.lines[2].cells[0], grid.lines[2].marks) == ("ridge", ("tuned apart",))


def _twins(method, pcc, table=TABLE):
    """A floor untuned, beside which the same tuned stands."""
    found = complete(method, pcc, kind="floor", table=table)
    return [replace(r, row=replace(r.row, variant="untuned"), key=f"{r.key}untuned") for r in found]


def test_untuned_twins_stand_in_the_leaderboard_and_the_tests_alone():
    found = board(*rows(), *_twins("ridge", WORSE), *_twins("knn", WORSE))
    (content,) = gather([found], StoredArrays([]), None, [])
    assert content.left_out.startswith("Figures and maps") and "ridge (untuned)" in content.left_out
    assert "knn (untuned)" not in content.left_out  # tuned it does not stand there
    drawn = {
        "forest": [line.label for line in content.forest.lines],
        "slides": content.slides.labels,
        "correlations": [value.label for value in content.correlations.by_name["PCC"]],
        "cost": [line.cells[0] for line in content.cost.grid.lines],
    }
    expected = {"ridge", "eggn", "bleep", "knn (untuned)"}
    assert {name: set(labels) for name, labels in drawn.items()} == dict.fromkeys(drawn, expected)
    lines = content.leaderboard.grid.lines
    places = {line.cells[1]: line.cells[0] for line in lines if line.kind != "ceiling"}
    assert places.pop("ridge (untuned)") == ""
    assert sorted(places.values()) == ["1", "2", "3", "4"]  # as a terminal numbers what it shows
    assert (
        board(*rows()).without_twins.entries
        and gather([board(*rows())], StoredArrays([]), None, [])[0].left_out == ""
    )


def test_the_range_of_two_patients_is_headed_as_such():
    two = {slide: value for slide, value in PCC.items() if slide != "C1"}
    table = replace(TABLE, slides=tuple(two))
    grids = [
        leaderboard_section(board(*complete("ridge", pcc, table=of)).table).grid
        for pcc, of in ((two, table), (PCC, TABLE))
    ]
    titles = [[heading.title for heading in grid.headings] for grid in grids]
    assert "95% CI" not in titles[0] and "95% CI" in titles[1]
    assert grids[0].lines[0].cells[titles[0].index("patient range")] == "0.200 to 0.600"


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
