"""Markdown, CSV, JSON and the terminal's table: what each says, and that nothing is lost on the way."""

from __future__ import annotations

import csv
import io
import json

import pytest
from reporting.record_factory import SLIDES, complete, failed, make_record
from rich.console import Console

from stbench.reporting.tables.formats import to_csv, to_json, to_markdown
from stbench.reporting.tables.leaderboard import build_tables
from stbench.reporting.tables.terminal import LeaderboardView
from stbench.reporting.tables.typeset import to_html

GOOD = {"B1": 0.1, "B2": 0.3, "C1": 0.6, "D1": 0.3, "D2": 0.5}
POOR = {slide: score - 0.1 for slide, score in GOOD.items()}
HOW_TO_READ = (
    "PCC given depth can be too low where cell density drives composition; plain PCC contains depth; "
    "neither bounds the other"
)


@pytest.fixture
def tables():
    return build_tables(
        [
            *complete("spahgc", GOOD, variant="paper", scores={"pcc_given_depth": 0.0204}),
            *complete("ridge", POOR, kind="floor"),
            failed(make_record("egn", "B1"), "ValueError: a | b\nand [bold]more[/bold]"),
        ]
    )


def shown(tables, width=120, **options):
    console = Console(file=io.StringIO(), width=width, **options)
    console.print(LeaderboardView(tables))
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_json_has_the_promised_fields_and_null_for_what_does_not_exist(tables):
    (table,) = json.loads(to_json(tables))["tables"]
    assert {"dataset", "split", "inner", "genes", "scale", "encoder", "rows", "floor"} <= set(table)
    assert {"suite", "t0", "ceiling", "ceiling_equal_depth", "references", "tests", "protocol"} <= set(table)
    promised = (
        "method variant kind pcc pcc_ci pcc_slide_mean pcc_null pcc_given_depth pcc_equal_depth skill "
        "skill_equal_depth rmse rmse_log ari fit_seconds predict_seconds_per_1000_spots parameters n_slides "
        "n_patients n_failed n_constant variance_ratio structure leaky pretrained budget seeds notes slides "
        "n_folds label encoder tuned pcc_range pcc_seed_sd pcc_median pcc_common_genes pcc_given_depth_ci "
        "pcc_given_depth_range pcc_given_depth_seed_sd pcc_equal_depth_ci pcc_equal_depth_range "
        "pcc_equal_depth_seed_sd spearman mae slope structure_null surplus_over_depth_smooth rmse_centred "
        "deviance_explained steps published_steps audited sealed overrides"
    )
    first = table["rows"][0]
    for row in table["rows"]:
        assert set(promised.split()) <= set(row)
    own = [row for row in table["rows"] if row["kind"] != "published"]
    assert [row["method"] for row in own] == ["spahgc", "ridge", "egn", "ceiling"]
    assert [row["kind"] for row in own] == ["method", "floor", "method", "ceiling"]
    assert table["rows"][: len(own)] == own and len(table["rows"]) > len(own)
    assert first["pcc_ci"][0] < first["pcc"] == pytest.approx(0.4) and first["ari"] is None
    assert first["leaky"] is False and first["seeds"] == [0] and first["pretrained"] is None
    assert set(first["slides"][0]) == {
        *(
            "slide",
            "patient",
            "pcc",
            "pcc_null",
            "pcc_given_depth",
            "pcc_equal_depth",
            "rmse",
            "ari",
            "failed",
        )
    }
    assert set(table["tests"]) == {"pcc", "pcc_given_depth", "pcc_equal_depth"}
    assert table["rows"][2]["slides"][0]["failed"].startswith("ValueError")


def test_csv_reads_back_with_every_digit(tables):
    lines = list(csv.DictReader(io.StringIO(to_csv(tables))))
    assert [line["method"] for line in lines] == ["spahgc", "ridge", "egn", "ceiling"]
    assert float(lines[0]["pcc"]) == tables[0].rows[0].pcc
    assert float(lines[0]["pcc_ci_low"]) == tables[0].rows[0].pcc_ci[0]
    assert (lines[0]["dataset"], lines[0]["slides"], lines[0]["ari"]) == ("her2", " ".join(SLIDES), "")
    assert lines[1]["leaky"] == "False" and lines[2]["n_failed"] == "1"
    assert to_csv([]) == ""


def test_markdown_is_one_well_formed_table_below_its_heading(tables):
    text = to_markdown(tables)
    heading = text.splitlines()[0]
    for fact in ("her2", "split slide", "inner all", "train-hvg (3)", "scale minmax", "target logcpm"):
        assert fact in heading
    for fact in ("efficientnet_lite0", "min counts 100 (40 of 50 spots scored)", "5 slides, 3 patients"):
        assert fact in heading
    assert HOW_TO_READ in text and "No skill: it needs the floors" in text
    ranked = text.partition("**Published")[0]
    lines = [line for line in ranked.splitlines() if line.startswith("|")]
    assert len(lines) == 2 + 4
    assert len({line.replace("\\|", "").count("|") for line in lines}) == 1
    assert (
        lines[2].startswith("| 1 | spahgc (published settings) | method | 0.400 |") and " 0.020 " in lines[2]
    )
    assert lines[3].startswith("| 2 | ridge | floor | 0.300 |")
    assert lines[4].startswith("|  | egn | method | – |") and "0 of 5 slides; 1 failed" in lines[4]
    assert "- egn failed on B1: ValueError: a \\| b" in text


def test_a_leaky_panel_and_its_origin_are_marked_everywhere():
    records = complete("spahgc", GOOD, leaky=True, panel_note="origin outside the fold")
    tables = build_tables(records)
    text = to_markdown(tables)
    assert "| 1 | spahgc **leaky** |" in text and "**leaky**: the gene panel was chosen with" in text
    assert "Gene panel: origin outside the fold." in text
    table = json.loads(to_json(tables))["tables"][0]
    assert table["rows"][0]["leaky"] is True and "origin outside the fold" in table["panel_note"]
    line = next(csv.DictReader(io.StringIO(to_csv(tables))))
    assert line["leaky"] == "True" and line["panel_note"] == "origin outside the fold"
    screen = shown(tables)
    assert "spahgc LEAKY" in screen and "origin outside the fold" in screen


def steps_taken(n: int) -> dict:
    return {"cost": {"fit_seconds": 2.0, "steps": n}, "published_steps": 3100}


def test_a_row_with_less_than_half_of_its_publication_s_steps_is_marked_everywhere():
    tables = build_tables(
        [
            *complete("histogene", GOOD, **steps_taken(1549)),
            *complete("hist2st", POOR, **steps_taken(1550)),
            *complete("ridge", POOR, kind="floor"),
        ]
    )
    text = to_markdown(tables)
    assert "histogene **few steps** |" in text and "hist2st |" in text and "1,549 of 3,100" in text
    assert "**few steps**: less than half of the optimiser steps" in text
    rows = json.loads(to_json(tables))["tables"][0]["rows"]
    marks = {row["method"]: (row["marks"], row["steps"]) for row in rows if row["kind"] != "published"}
    assert marks["histogene"] == (["few steps"], 1549) and marks["hist2st"] == ([], 1550)
    assert "histogene FEW STEPS" in shown(tables) and "hist2st FEW" not in shown(tables)
    assert "histogene (few steps)" in to_html(tables)


def test_a_row_that_was_made_before_steps_were_recorded_is_marked():
    (table,) = build_tables(complete("histogene", GOOD, cost={"fit_seconds": 2.0, "epochs": 20}))
    assert table.rows[0].marks == ("steps unknown",) and table.rows[0].is_faint
    assert "histogene **steps unknown** |" in to_markdown([table])


def test_the_fewest_steps_of_any_fold_count():
    records = complete("histogene", GOOD, **steps_taken(3100))
    records[2] = make_record("histogene", "C1", **steps_taken(1000))
    row = build_tables(records)[0].rows[0]
    assert row.steps == 1000 and row.marks == ("few steps",)


def test_a_row_whose_plugin_has_been_edited_since_is_marked():
    records = [*complete("histogene", GOOD, source="then"), *complete("gone", POOR, source="then")]
    for today, marked in (({"histogene": "now"}, True), ({"histogene": "then"}, False), ({}, False)):
        text = to_markdown(build_tables(records, sources=today))
        assert ("histogene **plugin changed** |" in text) == marked
        assert ("source is another today" in text) == marked
        assert "gone **" not in text, "a method that is not here cannot have been edited"


def test_no_results_is_said():
    assert to_markdown([]) == "No results yet.\n"
    assert json.loads(to_json([])) == {"tables": [], "across": []}
    assert shown([]).strip() == "No results yet."


def test_the_terminal_takes_no_markup_from_a_reason_and_no_sign_it_cannot_write(tables):
    assert "ValueError: a | b" in shown(tables)
    noted = build_tables(complete("spahgc", GOOD, notes=("see [red]this[/red]",)))
    assert "see [red]this[/red]" in shown(noted)
    raw = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    Console(file=raw, width=100).print(LeaderboardView(tables))
    raw.flush()


def test_no_colour_codes_where_it_is_no_terminal(tables):
    assert "\x1b[" not in shown(tables)
    assert "\x1b[" in shown(tables, force_terminal=True, color_system="standard")
