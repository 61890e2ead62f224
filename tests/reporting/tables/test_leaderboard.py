"""Tables out of hand-made Records: what shares a table, what a row says, in which order rows stand."""

from __future__ import annotations

import random
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from reporting.record_factory import PATIENTS, SLIDES, TABLE, complete, failed, make_record
from scipy import stats

from stbench.errors import UnknownName
from stbench.reporting.tables.formats import to_csv, to_json, to_markdown
from stbench.reporting.tables.frame import to_dataframe
from stbench.reporting.tables.leaderboard import build_tables

GOOD = {"B1": 0.1, "B2": 0.3, "C1": 0.6, "D1": 0.3, "D2": 0.5}
POOR = {slide: score - 0.1 for slide, score in GOOD.items()}


def rows_of(records, **options):
    (table,) = build_tables(records, **options)
    return {row.label: row for row in table.rows}


def test_a_row_averages_over_patients_and_says_its_interval():
    row = rows_of(complete("spahgc", GOOD))["spahgc"]
    patients = [0.2, 0.6, 0.4]
    assert row.pcc == pytest.approx(0.4)
    assert row.pcc_slide_mean == pytest.approx(0.36)
    fisher = np.arctanh(patients)
    assert row.pcc_ci == pytest.approx(np.tanh(stats.t.interval(0.95, 2, fisher.mean(), stats.sem(fisher))))
    assert row.pcc_range == pytest.approx((0.2, 0.6))
    assert (row.n_slides, row.n_patients, row.n_folds, row.n_failed, row.ranked) == (5, 3, 5, 0, True)
    assert row.rmse == pytest.approx(0.3) and row.ari is None and row.note == ""
    assert [(s.slide, s.patient, s.pcc, s.failed) for s in row.slides] == [
        (slide, PATIENTS[slide], GOOD[slide], None) for slide in SLIDES
    ]


def test_costs_are_per_fit_and_per_thousand_spots():
    records = complete("spahgc", GOOD)
    slow = replace(records[0], cost={**records[0].cost, "predict_seconds": 1.0, "n_spots_predicted": 40})
    row = rows_of([slow, *records[1:]])["spahgc"]
    assert row.fit_seconds == pytest.approx(2.0)
    assert row.predict_seconds_per_1000_spots == pytest.approx(1000 * (1.0 + 4 * 0.5) / (40 + 4 * 10))
    assert row.parameters == 1000 and isinstance(row.parameters, int)


def test_seeds_are_averaged_inside_a_row_and_their_deviation_stands_beside():
    records = complete("spahgc", GOOD) + complete("spahgc", {s: v + 0.2 for s, v in GOOD.items()}, seed=1)
    row = rows_of(records)["spahgc"]
    assert row.pcc == pytest.approx(0.5)
    assert row.pcc_seed_sd == pytest.approx(stats.tstd([0.4, 0.6]))
    assert row.seeds == (0, 1) and row.n_slides == 5 and row.n_failed == 0
    assert row.slides[0].pcc == pytest.approx(0.2)


def test_a_missing_fold_is_said_and_the_row_stands_below_the_complete_ones():
    unfinished = complete("best", dict.fromkeys(SLIDES[:4], 0.9))
    (table,) = build_tables(unfinished + complete("spahgc", GOOD))
    assert [row.method for row in table.rows] == ["spahgc", "best", "ceiling"]
    row = table.rows[1]
    assert "4 of 5 slides" in row.note and not row.ranked and row.skill is None
    assert len(row.slides) == 4


def test_the_patient_split_counts_patients():
    table = replace(TABLE, split="patient")
    records = [
        replace(record, n_folds=3, fold=record.slides[0].patient or "")
        for record in complete("spahgc", {"B1": 0.1, "C1": 0.2}, table=table)
    ]
    assert "2 of 3 patients" in rows_of(records)["spahgc"].note


def test_a_failed_fold_is_a_slide_with_its_reason():
    records = complete("spahgc", GOOD)
    records[2] = failed(records[2], "CUDA out of memory")
    row = rows_of(records + complete("ridge", POOR, kind="floor"))["spahgc"]
    assert (row.n_failed, row.n_slides, row.ranked) == (1, 4, False)
    assert "4 of 5 slides" in row.note and "1 failed" in row.note
    slide = row.slides[2]
    assert (slide.slide, slide.failed, slide.pcc, slide.patient) == ("C1", "CUDA out of memory", None, "C")


def test_a_row_whose_every_fold_failed_is_still_a_row():
    row = rows_of([failed(record, "no bank") for record in complete("egn", GOOD)])["egn"]
    assert (row.n_failed, row.n_slides, row.pcc, row.pcc_ci, row.ranked) == (5, 0, None, None, False)
    assert "0 of 5 slides" in row.note and "patients not stated" not in row.note
    assert {slide.failed for slide in row.slides} == {"no bank"}


def test_one_failed_seed_is_told_apart():
    second = complete("spahgc", GOOD, seed=1)
    second[0] = failed(second[0], "diverged")
    row = rows_of(complete("spahgc", GOOD) + second)["spahgc"]
    assert "seed 1: 4 of 5 slides" in row.note and "seed 0" not in row.note
    assert row.slides[0].failed == "seed 1: diverged" and row.slides[0].pcc == pytest.approx(0.1)


def test_skill_is_measured_from_the_floors_named_beforehand_however_good_others_are():
    deep = {"ceiling_equal_depth": 0.1}
    records = [
        *complete("spahgc", GOOD, scores={"pcc_equal_depth": 0.06, **deep}),
        *complete("ridge", GOOD, kind="floor", scores={"pcc_equal_depth": 0.05, **deep}),
        *complete("smooth", POOR, kind="floor", scores={"pcc_equal_depth": 0.02, **deep}),
        *complete("smooth", GOOD, kind="floor", variant="untuned", scores={"pcc_equal_depth": 0.03, **deep}),
        *complete("depth-smooth", POOR, kind="floor", scores={"pcc_equal_depth": 0.01, **deep}),
    ]
    (table,) = build_tables(records)
    rows = {row.label: row for row in table.rows}
    assert (table.floor, table.floor_equal_depth) == ("depth-smooth", "smooth")
    # The mean PCC of depth-smooth is 0.30, the ceiling is 0.8 everywhere.
    assert rows["spahgc"].skill == rows["ridge"].skill == pytest.approx((0.4 - 0.3) / (0.8 - 0.3))
    assert rows["spahgc"].skill_equal_depth == pytest.approx((0.06 - 0.02) / (0.1 - 0.02))
    assert rows["smooth"].skill == 0 and rows["smooth"].skill_equal_depth == 0
    assert rows["spahgc"].surplus_over_depth_smooth == pytest.approx(0.05)


def test_a_row_that_lacks_a_fold_is_measured_on_the_slides_that_it_has():
    """B1 is where everybody is poor: who lacks it looks good beside means over all slides."""
    records = [
        *complete("smooth", GOOD, kind="floor"),
        *complete("depth-smooth", POOR, kind="floor"),
        *complete("spahgc", {slide: score for slide, score in GOOD.items() if slide != "B1"}),
    ]
    row = rows_of(records)["spahgc"]
    assert row.pcc == pytest.approx((0.3 + 0.6 + 0.4) / 3) and not row.ranked
    assert row.reference_mean == pytest.approx(row.pcc) and "smooth has 0.433 on the same slides" in row.note
    floor = (0.2 + 0.5 + 0.3) / 3
    assert row.skill == pytest.approx((row.pcc - floor) / (0.8 - floor))


def test_no_skill_without_a_floor_or_without_room():
    assert rows_of(complete("spahgc", GOOD))["spahgc"].skill is None
    cramped = complete("spahgc", GOOD, scores={"ceiling": 0.41})
    cramped += complete("depth-smooth", GOOD, kind="floor", scores={"ceiling": 0.41})
    assert rows_of(cramped)["spahgc"].skill is None
    unmeasured = complete("spahgc", GOOD, scores={"ceiling": None})
    floors = complete("depth-smooth", POOR, kind="floor", scores={"ceiling": None})
    (table,) = build_tables(unmeasured + floors)
    assert {row.kind for row in table.rows} == {"method", "floor"} and table.rows[0].skill is None


def test_the_ceiling_row_is_averaged_like_a_method_and_never_ranked():
    ceilings = {"B1": 0.5, "B2": 0.7, "C1": 0.9, "D1": 0.8, "D2": 0.8}
    records = [make_record("m", s, GOOD[s], scores={"ceiling": c}) for s, c in ceilings.items()]
    row = rows_of(records)["ceiling"]
    assert row.kind == "ceiling" and not row.ranked
    assert row.pcc == pytest.approx((0.6 + 0.9 + 0.8) / 3) and row.pcc_slide_mean == pytest.approx(0.74)
    assert row.pcc_equal_depth is None and row.rmse is None


def test_patients_not_stated_gives_the_slide_mean_no_interval_and_a_word():
    patients = PATIENTS | {"B1": None}
    row = rows_of(complete("spahgc", GOOD, patients=patients))["spahgc"]
    assert row.pcc == row.pcc_slide_mean == pytest.approx(0.36)
    assert row.pcc_ci is None and row.n_patients is None and "patients not stated" in row.note


def test_one_patient_has_no_interval():
    row = rows_of(complete("spahgc", GOOD, patients=dict.fromkeys(SLIDES, "B")))["spahgc"]
    assert row.pcc == pytest.approx(0.36) and row.pcc_ci is None and row.n_patients == 1


def test_an_undefined_slide_is_left_out_of_the_mean_and_stays_listed():
    row = rows_of(complete("spahgc", GOOD | {"C1": None}))["spahgc"]
    assert row.pcc == pytest.approx((0.2 + 0.4) / 2) and row.ranked
    assert [slide.slide for slide in row.slides if slide.pcc is None] == ["C1"]


def test_results_of_edited_code_are_rows_of_their_own_and_never_averaged():
    old = complete("spahgc", GOOD, source="a" * 16, finished_at="2026-01-01T10:00:00Z")
    new = complete("spahgc", POOR, source="b" * 16, finished_at="2026-02-01T10:00:00Z")[:3]
    rows = rows_of(old + new)
    older, newer = rows["spahgc (source aaaaaaaa)"], rows["spahgc (source bbbbbbbb)"]
    assert (older.pcc, older.n_slides) == (pytest.approx(0.4), 5)
    assert newer.n_slides == 3 and "3 of 5 slides" in newer.note
    assert newer.pcc == pytest.approx((0.1 + 0.5) / 2)


def test_a_row_that_was_made_anew_with_todays_code_has_no_place_and_no_test():
    records = [
        *complete("spahgc", GOOD, source="old"),
        *complete("spahgc", POOR, source="new"),
        *complete("smooth", POOR, kind="floor", source="f"),
    ]
    (table,) = build_tables(records, sources={"spahgc": "new", "smooth": "f"})
    replaced = next(row for row in table.rows if row.source == "old")
    assert not replaced.ranked and "plugin changed" in replaced.marks and "made anew" in replaced.note
    assert [test.method for test in table.comparisons] == ["spahgc (source new)"]


def test_a_job_done_twice_counts_once_the_newer_time():
    again = make_record("spahgc", "B1", 0.5, finished_at="2026-03-01T00:00:00Z")
    row = rows_of([*complete("spahgc", GOOD), again])["spahgc"]
    assert row.slides[0].pcc == 0.5 and row.n_slides == 5 and "older results" in row.note


def test_settings_given_by_hand_and_presets_make_rows_of_their_own():
    records = [
        *complete("spahgc", GOOD, variant="paper"),
        *complete("spahgc", GOOD, variant="released"),
        *complete("spahgc", POOR, variant="paper", overrides=(("lr", 0.01),)),
    ]
    rows = rows_of(records)
    assert set(rows) == {
        "spahgc (published settings)",
        "spahgc (released)",
        "spahgc (published settings, lr=0.01)",
        "ceiling",
    }
    assert rows["spahgc (published settings, lr=0.01)"].overrides == {"lr": 0.01}


@pytest.mark.parametrize(
    "change",
    [
        {"split": "patient"},
        {"panel": "q"},
        {"min_counts": 0},
        {"data": "e"},
        {"protocol": 1},
    ],
)
def test_rows_of_different_tables_never_meet(change):
    other = replace(TABLE, **change)
    tables = build_tables(complete("a", GOOD) + complete("b", POOR, table=other))
    assert sorted(tuple(row.method for row in table.rows) for table in tables) == [
        ("a", "ceiling"),
        ("b", "ceiling"),
    ]
    assert len({table.id for table in tables}) == 2


def test_rows_stand_by_the_score_asked_for():
    records = [
        *complete("a", GOOD, scores={"pcc_given_depth": 0.01}),
        *complete("b", POOR, scores={"pcc_given_depth": 0.02}),
        *complete("c", dict.fromkeys(SLIDES, 0.7), scores={"pcc_given_depth": None}),
    ]
    order = {
        sort: [r.method for r in build_tables(records, sort)[0].rows] for sort in ("pcc", "pcc_given_depth")
    }
    assert order == {"pcc": ["c", "a", "b", "ceiling"], "pcc_given_depth": ["b", "a", "c", "ceiling"]}
    with pytest.raises(UnknownName, match="pcc_given_depth"):
        build_tables(records, "pcc_given")  # type: ignore[arg-type]


def test_the_order_of_records_changes_no_byte():
    records = [
        *complete("spahgc", GOOD, variant="paper"),
        *complete("spahgc", POOR, variant="paper", seed=1),
        *complete("ridge", POOR, kind="floor", notes=("note 1", "note 2")),
        *complete("mean", dict.fromkeys(SLIDES, 0.0), kind="floor"),
        *complete("mean", dict.fromkeys(SLIDES, 0.0), kind="floor", source="old", finished_at=""),
        *complete("x", GOOD, table=replace(TABLE, dataset="cscc")),
        failed(make_record("egn", "B1"), "reason"),
    ]
    written = set()
    for seed in range(5):
        random.Random(seed).shuffle(records)
        tables = build_tables(records)
        written.add((to_markdown(tables), to_csv(tables), to_json(tables)))
    assert len(written) == 1


def test_the_dataframe_has_a_line_for_each_row():
    frame = to_dataframe(build_tables(complete("spahgc", GOOD) + complete("ridge", POOR, kind="floor")))
    assert list(frame["method"]) == ["spahgc", "ridge", "ceiling"]
    assert frame.loc[0, "pcc"] == pytest.approx(0.4) and frame.loc[0, "dataset"] == "her2"
    assert frame.loc[0, "pcc_slide_mean"] == pytest.approx(0.36)
    assert to_dataframe([]).empty


def test_a_printed_frame_shows_what_a_row_is_and_scores_and_what_is_taken_from_it_is_an_ordinary_one():
    frame = to_dataframe(build_tables(complete("spahgc", GOOD, variant="paper")))
    lines = str(frame).splitlines()
    assert lines[0].split() == ["method", "kind", "pcc", "pcc_null", "pcc_equal_depth", "rmse", "fit_seconds"]
    assert "spahgc (published settings)" in lines[1] and "0.400" in lines[1]
    assert max(map(len, lines)) <= 100
    assert list(frame.columns[:4]) == ["method", "variant", "kind", "pcc"] and frame["variant"][0] == "paper"
    assert type(frame[frame["pcc"] > 0]).__name__ == "DataFrame"
    del frame["rmse"]
    assert "ceiling" in str(frame)  # changed in place it is printed as pandas does


def test_a_table_is_made_without_heavy_imports():
    code = (
        "import sys, stbench.reporting.results.store, stbench.reporting.mlflow.tracking\n"
        "from stbench.reporting.tables import formats, leaderboard, terminal\n"
        "heavy = {'torch', 'mlflow', 'pandas', 'scipy', 'matplotlib', 'sklearn', 'pyarrow', 'scanpy'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_table_with_methods_stands_before_one_of_floors_alone():
    by_patient = replace(TABLE, split="patient")  # before "slide" by name
    floors = [
        *complete("ridge", GOOD, kind="floor", table=by_patient),
        *complete("ridge", GOOD, kind="floor"),
    ]
    assert [table.identity.split for table in build_tables(floors)] == ["patient", "slide"]
    assert [table.identity.split for table in build_tables([*floors, *complete("eggn", GOOD)])] == [
        "slide",
        "patient",
    ]
