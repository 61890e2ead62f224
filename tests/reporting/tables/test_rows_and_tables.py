"""What makes a row and a table: what was done and what came out of it, never what it is called."""

from __future__ import annotations

from dataclasses import replace

import pytest
from reporting.record_factory import GENES, SLIDES, TABLE, complete, make_record

from stbench.errors import StorageError, UsageError
from stbench.reporting.results.merging import merged
from stbench.reporting.tables.leaderboard import build_tables
from stbench.reporting.tables.paired_view import paired_views

GOOD = {"B1": 0.1, "B2": 0.3, "C1": 0.6, "D1": 0.3, "D2": 0.5}


def shifted(by: float) -> dict[str, float | None]:
    return {slide: score + by for slide, score in GOOD.items()}


def with_budget(records, budget: str):
    return [replace(r, key=f"{r.key}-{budget}", row=replace(r.row, budget=budget)) for r in records]


def with_per_gene(records, value: float):
    return [
        replace(r, slides=(replace(r.slides[0], per_gene={"pcc": (value,) * len(GENES)}),)) for r in records
    ]


@pytest.fixture
def pilot_and_full():
    """A pilot of 5 epochs that does well and the full run that does badly, under one name."""
    pilot = with_per_gene(complete("spahgc", shifted(0.052), variant="paper"), 0.9)
    full = with_per_gene(complete("spahgc", shifted(-0.047), variant="paper"), 0.1)
    floor = with_per_gene(complete("smooth", GOOD, kind="floor"), 0.5)
    return [*with_budget(pilot, "at most 5 epochs"), *with_budget(full, ""), *floor]


def test_a_pilot_and_the_full_run_are_two_rows_with_a_test_of_their_own(pilot_and_full):
    (table,) = build_tables(pilot_and_full)
    tests = {test.method: test.difference for test in table.comparisons}
    assert tests == {
        "spahgc (published settings, at most 5 epochs)": pytest.approx(0.052),
        "spahgc (published settings, no bound)": pytest.approx(-0.047),
    }


def test_genes_of_a_pair_come_from_the_row_that_was_named(pilot_and_full):
    (view,) = paired_views(pilot_and_full, "spahgc (paper, no bound)", "smooth", "her2", pairing="gene-slide")
    assert view.test.difference == pytest.approx(0.1 - 0.5) and view.second.label == "smooth"


def test_a_name_that_means_two_rows_is_no_answer(pilot_and_full):
    with pytest.raises(UsageError, match=r"spahgc names 2 rows.*at most 5 epochs.*no bound"):
        paired_views(pilot_and_full, "spahgc", "smooth", "her2")


def test_the_untuned_twin_is_meant_by_its_own_name_only():
    records = [
        *complete("smooth", GOOD, kind="floor"),
        *complete("smooth", shifted(0.1), kind="floor", variant="untuned"),
        *complete("knn", GOOD, kind="floor"),
    ]
    (view,) = paired_views(records, "smooth", "knn", "her2")
    assert view.first.label == "smooth" and view.test.difference == pytest.approx(0)


def test_rows_with_other_genes_in_a_fold_are_two_tables_though_the_recipe_is_one():
    """Another scanpy chose another gene in one fold of five."""
    other = [
        replace(r, panel_genes=("FASN", "GNAS", "SCD")) if r.fold == "C1" else r
        for r in complete("eggn", shifted(0.3))
    ]
    tables = build_tables([*complete("spahgc", GOOD), *complete("smooth", GOOD, kind="floor"), *other])
    assert [sorted(row.method for row in table.rows if row.kind != "ceiling") for table in tables] in (
        [["smooth", "spahgc"], ["eggn"]],
        [["eggn"], ["smooth", "spahgc"]],
    )
    first = next(table for table in tables if not table.apart)
    (apart,) = [table.apart for table in tables if table.apart]
    assert apart == f"other genes than table {first.id} from the same recipe: in fold C1 1 of 3 genes differ"
    assert not any(test.method == "eggn" for table in tables for test in table.comparisons)


def test_a_row_that_was_not_tuned_joins_the_tables_of_every_inner_loop():
    pairs = replace(TABLE, inner="pairs", checkpoints="six", tune_on="pcc_equal_depth")
    records = [
        *complete("spahgc", GOOD, table=pairs),
        *complete("eggn", GOOD, table=TABLE),
        *complete("smooth", GOOD, kind="floor", variant="untuned", table=TABLE),
    ]
    tables = {table.identity.inner: [row.label for row in table.rows] for table in build_tables(records)}
    assert tables["pairs"][:2] == ["smooth (untuned)", "spahgc"]
    assert tables["all"][:2] == ["eggn", "smooth (untuned)"]


def test_the_same_untuned_row_made_beside_two_inner_loops_is_no_older_result():
    later = "2026-02-02T03:04:05Z"
    equal_depth = replace(TABLE, tune_on="pcc_equal_depth")
    smooth = {"kind": "floor", "variant": "untuned"}
    records = [
        *complete("spahgc", GOOD),
        *complete("spahgc", GOOD, table=equal_depth),
        *complete("smooth", GOOD, table=TABLE, **smooth),
        *complete("smooth", GOOD, table=equal_depth, finished_at=later, **smooth),
    ]

    def notes(of: list) -> list[str]:
        return [row.note for table in build_tables(of) for row in table.rows if row.method == "smooth"]

    assert len(notes(records)) == 2 and not any("older results" in note for note in notes(records))
    again = complete("smooth", shifted(0.1), table=equal_depth, finished_at="2026-03-02T03:04:05Z", **smooth)
    assert all("older results" in note for note in notes([*records, *again]))


def test_each_encoder_has_its_own_reference_and_family():
    other = replace(TABLE, encoder="uni@99999999")
    records = [
        *complete("spahgc", GOOD),
        *complete("smooth", GOOD, kind="floor"),
        *complete("spahgc", shifted(0.2), table=other),
        *complete("smooth", shifted(0.1), kind="floor", table=other),
    ]
    (table,) = build_tables(records)
    assert {test.method: (test.reference, round(test.difference or 0, 9)) for test in table.comparisons} == {
        "spahgc (efficientnet_lite0)": ("smooth (efficientnet_lite0)", 0.0),
        "spahgc (uni)": ("smooth (uni)", 0.1),
    }


def test_one_job_done_with_one_thread_and_with_two_is_one_result():
    """Sums in another order: `structure` differs in its seventeenth digit."""
    one = complete("ridge", GOOD, kind="floor", scores={"structure": 0.1})
    two = [
        replace(
            r,
            slides=(replace(r.slides[0], scores={**r.slides[0].scores, "structure": 0.1 + 1e-17 + 2e-16}),),
            provenance={**r.provenance, "processor": "another machine"},
        )
        for r in one
    ]
    (first, *rest) = merged([("here", one), ("there", two)])
    assert len(rest) == len(GOOD) - 1 and first.slides[0].scores["structure"] == 0.1
    assert first.provenance["processor"] == "another machine"


def test_two_results_of_one_job_that_differ_are_refused():
    one = complete("ridge", GOOD, kind="floor")
    two = complete("ridge", shifted(0.001), kind="floor")
    two = [replace(r, key=k.key) for r, k in zip(two, one, strict=True)]
    with pytest.raises(StorageError, match="here and there hold different results of one job"):
        merged([("here", one), ("there", two)])


def test_one_job_with_other_genes_is_two_results():
    one = complete("ridge", GOOD, kind="floor")
    two = [replace(r, panel_genes=("A", "B", "C")) for r in one]
    assert len(build_tables(merged([("here", one), ("there", two)]))) == 2


def test_a_row_that_nobody_checked_does_not_say_whose_slides_these_are():
    """Everybody's means and tests go by it."""
    claimed = {slide: f"patient of {slide}" for slide in GOOD}
    others = [replace(r, truth_unknown="not checked") for r in complete("zzz", GOOD, patients=claimed)]
    for order in (1, -1):
        (table,) = build_tables([*complete("spahgc", GOOD), *others][::order])
        assert table.n_patients == 3 and {row.n_patients for row in table.rows} == {3}


def test_patients_and_slides_are_counted_only_where_they_are_scored():
    (table,) = build_tables(complete("spahgc", {**GOOD, "C1": None}))
    row = table.rows[0]
    assert (row.n_slides, row.n_patients) == (4, 2) and row.pcc_ci is None
    assert row.pcc_range == pytest.approx((0.2, 0.4))


def test_predictions_made_elsewhere_join_whatever_inner_loop_patch_and_encoder_the_others_have():
    """They are held against the floors of the table's only encoder, and where there are two, against neither's."""
    elsewhere = replace(TABLE, inner="", checkpoints="", patch="", encoder="")
    theirs = [make_record("theirs", slide, 0.3, kind="external", table=elsewhere) for slide in SLIDES]
    floors = [make_record("smooth", slide, 0.1, kind="floor") for slide in SLIDES]
    (table,) = build_tables([*floors, *theirs])
    assert (table.identity.patch, table.identity.encoder) == (TABLE.patch, TABLE.encoder)
    (test,) = [test for test in table.tests["pcc"] if test.method == "theirs"]
    assert test.difference == pytest.approx(0.2)
    assert [row.label for row in table.rows if row.kind != "ceiling"] == ["theirs", "smooth"]
    other = replace(TABLE, encoder="uni@87654321")
    more = [make_record("smooth", slide, 0.1, kind="floor", table=other) for slide in SLIDES]
    (table,) = build_tables([*floors, *more, *theirs])
    assert "theirs" in {row.label for row in table.rows}
    assert "theirs" not in {test.method for test in table.tests["pcc"]}
    (alone,) = build_tables(theirs)
    assert [row.label for row in alone.rows if row.kind != "ceiling"] == ["theirs"]
