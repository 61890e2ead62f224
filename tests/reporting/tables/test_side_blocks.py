"""Tests against the reference and published numbers beside a leaderboard."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest
from reporting.record_factory import TABLE, complete

from stbench.reporting.tables.formats import plain, to_markdown
from stbench.reporting.tables.leaderboard import build_tables

GOOD = {"B1": 0.1, "B2": 0.3, "C1": 0.6, "D1": 0.3, "D2": 0.5}
POOR = {slide: score - 0.1 for slide, score in GOOD.items()}
PUBLISHED = Path(__file__).resolve().parents[3] / "leaderboards" / "published.csv"


def records(dataset: str = "her2"):
    table = replace(TABLE, dataset=dataset)
    return [
        *complete("spahgc", GOOD, variant="paper", table=table),
        *complete("ridge", POOR, kind="floor", table=table),
    ]


def test_every_complete_row_is_tested_against_the_reference_by_patient():
    (table,) = build_tables(records())
    (found,) = table.comparisons
    assert (found.method, found.reference, found.n) == ("spahgc (paper)", "ridge", 3)
    assert found.difference == pytest.approx(0.1) and found.p == 0.25
    assert found.verdict == "cannot be told with n=3"
    text = to_markdown([table])
    assert "Against ridge, PCC by patient (3 patients)" in text and "0.25 (0.25 after Holm)" in text


def test_the_patient_split_shows_the_t_that_allows_for_shared_training_slides():
    ahead = {"B1": 0.1, "B2": 0.1, "C1": 0.2, "D1": 0.3, "D2": 0.3}  # 0.1, 0.2, 0.3 by patient
    better = {slide: POOR[slide] + ahead[slide] for slide in POOR}
    table = replace(TABLE, split="patient")
    (table,) = build_tables(
        [*complete("eggn", better, table=table), *complete("ridge", POOR, kind="floor", table=table)]
    )
    titles, _, cells = to_markdown([table]).partition("**Against")[2].splitlines()[2:5]
    shown = dict(zip(titles.split(" | "), cells.split(" | "), strict=True))
    assert shown["Nadeau-Bengio t |"] == "2.19 |"  # 0.2 / sqrt((1/3 + 1/2) * 0.1**2)
    assert "Nadeau-Bengio" not in to_markdown(build_tables(records()))


def test_another_reference_by_its_label_and_none_where_it_is_not_there():
    (table,) = build_tables(records(), reference="spahgc (paper)")
    assert [c.method for c in table.comparisons] == ["ridge"]
    (table,) = build_tables(records(), reference="bleep")
    assert table.comparisons == () and "Against" not in to_markdown([table])


def test_an_incomplete_row_is_not_tested():
    (table,) = build_tables([*records(), *complete("egn", {"B1": 0.9})])
    assert [c.method for c in table.comparisons] == ["spahgc (paper)"]


def test_published_numbers_stand_apart_and_take_no_rank():
    (table,) = build_tables(records())
    assert {row.kind for row in table.published} == {"published"}
    assert not any(row.ranked for row in table.published)
    spahgc = next(row for row in table.published if row.method == "spahgc")
    assert (spahgc.pcc, spahgc.rmse) == (0.2786, 0.12)
    rows = plain([table])["tables"][0]["rows"]
    assert [row["kind"] for row in rows[:3]] == ["method", "floor", "ceiling"]
    above, _, below = to_markdown([table]).partition("Published elsewhere")
    assert "mclstexp" in below and "mclstexp" not in above


def test_a_dataset_that_no_paper_used_has_none():
    (table,) = build_tables(records("path:our-tissue"))
    assert table.published == () and "Published" not in to_markdown([table])


def test_the_file_of_published_numbers_is_whole():
    with PUBLISHED.open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert set(lines[0]) == {"method", "dataset", "metric", "value", "spread", "source", "table"}
    assert {line["metric"] for line in lines} == {"pcc", "rmse"}
    assert all(line["source"] and 0 < float(line["value"]) < 1 for line in lines)
    keys = [(line["method"], line["dataset"], line["metric"], line["source"]) for line in lines]
    assert len(set(keys)) == len(keys)


def test_ari_references_are_averaged_over_patients_and_are_no_rows():
    found = [
        replace(r, slides=(replace(r.slides[0], ari_references={"measured": ari, "depth": None}),))
        for r, ari in zip(records()[:5], (0.2, 0.4, 0.6, 0.1, 0.3), strict=True)
    ]
    (table,) = build_tables(found)
    assert table.ari_references == (("measured", pytest.approx((0.3 + 0.6 + 0.2) / 3)),)
    assert "measured 0.367" in to_markdown([table]) and "measured" not in {row.method for row in table.rows}
    assert plain([table])["tables"][0]["ari_references"]["measured"] == pytest.approx(1.1 / 3)
    assert build_tables(records())[0].ari_references == ()
