"""The first screen: badges, the forest plot and all prices say what the Records say."""

from __future__ import annotations

import shlex
from dataclasses import replace

import pytest
from reporting.record_factory import TABLE, complete, make_record
from reporting.report.paper_rows import board

from stbench.reporting.report.figures import forest, prices
from stbench.reporting.report.sections.across import across_grids
from stbench.reporting.report.sections.badges import badges
from stbench.reporting.report.sections.cost import PRICES, cost_section
from stbench.reporting.report.sections.forest import forest_section
from stbench.reporting.report.sections.leaderboard import leaderboard_section
from stbench.reporting.report.sections.row_commands import row_command

# Patient means 0.2, 0.4 and 0.6.
PATIENTS = {"B1": 0.1, "B2": 0.3, "C1": 0.4, "D1": 0.5, "D2": 0.7}


def test_a_forest_line_is_the_row_and_untuned_twins_have_none():
    twins = [replace(r, row=replace(r.row, variant="untuned")) for r in complete("ridge", PATIENTS)]
    twins = [replace(r, key=f"{r.key}u", kind="floor") for r in twins]
    ridge = [replace(r, kind="floor") for r in complete("ridge", PATIENTS)]
    found = board(*ridge, *twins, *complete("spahgc", PATIENTS))
    section = forest_section(found.without_twins)
    alone = forest_section(board(*twins, *complete("spahgc", PATIENTS)).without_twins)
    assert "ridge (untuned)" in {line.label for line in alone.lines}  # its tuned twin was not run yet
    assert sorted(line.label for line in section.lines) == sorted(
        entry.label for entry in found.entries if "untuned" not in entry.label
    )
    rows = {entry.label: entry.row for entry in found.entries}
    for line in section.lines:
        assert line.score == rows[line.label].pcc
        assert line.ends in (rows[line.label].pcc_ci, rows[line.label].pcc_range)
        assert -1 <= line.ends[0] <= line.score <= line.ends[1] <= 1
    (axis,) = forest.printed(section).axes
    assert [text.get_text() for text in axis.get_yticklabels()] == [line.label for line in section.lines]
    assert axis.get_xlabel().startswith("PCC (bar: ")


def test_badges_lead_with_what_must_be_known():
    generated = complete("spahgc", PATIENTS, provenance={"synthetic": True})
    words = [badge.words for badge in badges(board(*generated))]
    assert words[0] == "SYNTHETIC" and "one seed" in words and "not audited" in words
    assert "SYNTHETIC" not in [badge.words for badge in badges(board(*complete("spahgc", PATIENTS)))]


def test_every_price_comes_from_the_records():
    cost = {
        "fit_seconds": 12.0, "predict_seconds": 3.0, "n_spots_predicted": 600, "parameters_total": 5_000_000,
        "flops_forward": 2.5e9, "peak_memory_mb": 1500.0,
    }  # fmt: skip
    records = [
        replace(r, cost=cost | {"peak_memory_mb": 1500.0 + i})
        for i, r in enumerate(complete("eggn", PATIENTS))
    ]
    section = cost_section(board(*records, *(replace(r, cost={}) for r in complete("ridge", PATIENTS))))
    (of_eggn,) = section.prices  # nobody measured ridge: it has no mark and a line of dashes
    expected = (12.0, 5.0, 5_000_000, 2.5, 1.504, None)
    assert of_eggn.values == pytest.approx(expected) and len(PRICES) == len(expected)
    texts = [text.get_text() for axis in prices.printed(section.prices).axes for text in axis.texts]
    assert texts == ["12", "5", "5M", "2.5", "1.5"]


def test_a_row_command_names_what_made_it():
    found = board(*complete("spahgc", PATIENTS))
    words = shlex.split(row_command(found, found.entries[0]))
    assert words[:4] == ["stbench", "run", "--method", "spahgc"]
    assert words[words.index("--slides") + 1].split(",") == list(found.table.identity.slides)
    external = board(*(replace(r, kind="external") for r in complete("spahgc", PATIENTS)))
    assert row_command(external, external.entries[0]).startswith("stbench score PREDICTIONS --name spahgc ")
    released = board(*(replace(r, kind="released") for r in complete("spahgc", PATIENTS)))
    assert row_command(released, released.entries[0]) == ""


def test_methods_stand_by_data_sets_of_one_recipe_only():
    here = board(*complete("ridge", PATIENTS))
    assert across_grids([here]) == []
    other = replace(TABLE, dataset="cscc", data="other")
    there = board(
        *(replace(r, table=replace(other, slides=r.table.slides)) for r in complete("ridge", PATIENTS))
    )
    grids = across_grids([here, there])
    assert [heading.title for heading in grids[0].headings] == ["method", here.table.identity.dataset, "cscc"]
    assert grids[0].lines[0].cells == ("ridge", "0.400", "0.400")
    (alone,) = {grid.caption.partition("; patches")[2] for grid in grids}
    larger = [replace(r, table=replace(r.table, patch="200 um")) for r in there.records]
    assert alone == "" and across_grids([here, board(*larger)])[0].caption.endswith(
        f"; patches differ: {TABLE.patch} on her2, 200 um on cscc"
    )
    other_split = board(make_record("ridge", "B1", table=replace(other, split="patient")))
    assert across_grids([here, other_split]) == []


def test_rows_without_costs_are_named_with_the_reason():
    cost = {"fit_seconds": 12.0, "parameters_total": 5_000_000}
    measured = [replace(r, cost=cost) for r in complete("eggn", PATIENTS)]
    elsewhere = [replace(r, kind="external", cost={}) for r in complete("hipt", PATIENTS)]
    assert cost_section(board(*measured)).unpriced == ""
    said = cost_section(board(*measured, *elsewhere)).unpriced
    assert said.startswith("Without costs") and "hipt (predicted elsewhere" in said and "eggn" not in said


def test_the_verdict_says_that_nothing_is_finished():
    table = board(*complete("spahgc", PATIENTS)[:2]).table
    assert leaderboard_section(table).answer.startswith("Nothing can be told yet")


def test_one_seed_is_said_of_as_many_methods_as_have_one():
    floor = [replace(r, kind="floor") for r in complete("ridge", PATIENTS)]
    several = [
        replace(r, seed=seed, key=f"{r.key}{seed}") for seed in range(3) for r in complete("spahgc", PATIENTS)
    ]
    words = [badge.words for badge in badges(board(*floor, *several, *complete("eggn", PATIENTS)))]
    assert "one seed: 1 of 2 methods" in words and "one seed" not in words
    assert not any("seed" in badge.words for badge in badges(board(*floor, *several)))
