"""Tests against the reference and published numbers beside a leaderboard."""

from __future__ import annotations

from dataclasses import replace

import pytest
from reporting.record_factory import TABLE, complete

from stbench.reporting.tables.formats import plain, to_markdown
from stbench.reporting.tables.leaderboard import build_tables

GOOD = {"B1": 0.1, "B2": 0.3, "C1": 0.6, "D1": 0.3, "D2": 0.5}
POOR = {slide: score - 0.1 for slide, score in GOOD.items()}


def records(dataset: str = "her2"):
    table = replace(TABLE, dataset=dataset)
    return [
        *complete("spahgc", GOOD, variant="paper", table=table),
        *complete("smooth", POOR, kind="floor", table=table),
    ]


def test_every_complete_row_is_tested_against_the_reference_by_patient():
    (table,) = build_tables(records())
    (found,) = table.comparisons
    assert (found.method, found.reference, found.n) == ("spahgc (published settings)", "smooth", 3)
    assert found.difference == pytest.approx(0.1) and found.p == found.p_adjusted == 0.25
    assert found.verdict == "cannot be told with n=3"
    text = to_markdown([table])
    assert "Against smooth, PCC by patient (3 patients)" in text
    assert "| 0.250 | 0.25 | 0.250 (least 0.25) | methods |" in text
    assert "PCC given depth by patient" not in text  # nobody has that score


def test_the_patient_split_shows_the_t_that_allows_for_shared_training_slides():
    ahead = {"B1": 0.1, "B2": 0.1, "C1": 0.2, "D1": 0.3, "D2": 0.3}  # 0.1, 0.2, 0.3 by patient
    better = {slide: POOR[slide] + ahead[slide] for slide in POOR}
    table = replace(TABLE, split="patient")
    (table,) = build_tables(
        [*complete("eggn", better, table=table), *complete("smooth", POOR, kind="floor", table=table)]
    )
    titles, _, cells = to_markdown([table]).partition("**Against")[2].splitlines()[2:5]
    shown = dict(zip(titles.split(" | "), cells.split(" | "), strict=True))
    assert shown["Nadeau-Bengio t |"] == "2.19 |"  # 0.2 / sqrt((1/3 + 1/2) * 0.1**2)
    assert "Nadeau-Bengio" not in to_markdown(build_tables(records()))


def test_another_reference_by_its_label_and_none_where_it_is_not_there():
    (table,) = build_tables(records(), reference="spahgc (paper)")
    assert [c.method for c in table.comparisons] == ["smooth"]
    (table,) = build_tables(records(), reference="bleep")
    assert table.comparisons == () and "Against" not in to_markdown([table])


def test_an_incomplete_row_is_tested_alone_on_common_slides_and_no_claim_is_made_of_one_patient():
    (table,) = build_tables([*records(), *complete("egn", {"B1": 0.9})])
    spahgc, egn = sorted(table.comparisons, key=lambda test: -test.n)
    assert (spahgc.method, spahgc.p_adjusted) == ("spahgc (published settings)", 0.25)
    assert (egn.n, egn.p, egn.interval, egn.alone) == (1, None, None, True)
    assert egn.difference == pytest.approx(0.9 - POOR["B1"])  # not minus the mean of B1 and B2


def test_floors_are_tested_apart_so_that_they_cost_no_method_its_p():
    found = build_tables([*records(), *complete("knn", GOOD, kind="floor")])[0].comparisons
    assert {test.method: test.family for test in found} == {
        "spahgc (published settings)": "methods",
        "knn": "floors",
    }


def test_a_reference_named_after_the_run_is_marked():
    named = [replace(r, provenance={**r.provenance, "reference": "ridge"}) for r in records()]
    (table,) = build_tables(named, reference="smooth")
    assert not table.reference_named and "named after the run" in to_markdown([table])
    for chosen in (None, "ridge"):
        (table,) = build_tables(named, reference=chosen)
        assert table.reference_named


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
