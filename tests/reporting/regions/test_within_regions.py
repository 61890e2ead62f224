"""Scores inside regions as rows of a leaderboard: means by patient, what is left out, what stands beside."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from reporting.regions.annotated_run import (
    OTHER,
    TUMOUR,
    make_truth,
    measured,
    noise,
    opened,
    regions_alone,
    write_run,
)

from stbench.errors import UsageError
from stbench.metrics.correlation import pearson_per_gene
from stbench.reporting.regions.sheets import within_sentences, within_sheets
from stbench.reporting.regions.within import Within, within_regions


def half_right(truth):
    """The truth itself on S1, nothing on the others: means over slides and over patients differ."""
    return measured(truth) if truth.slide == "S1" else noise(truth)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Within:
    truths = {name: make_truth(name) for name in ("S1", "S2", "S3")}
    methods = {"half-right": half_right, "knows-regions": regions_alone}
    folder = write_run(tmp_path_factory.mktemp("run"), truths, methods)
    within = within_regions(*opened(folder))
    assert within is not None
    return within


def row(found: Within, label: str):
    return next(row for row in found.rows if row.label == label)


def test_a_method_that_knows_the_regions_alone_keeps_nothing_inside(found):
    knows = row(found, "knows-regions")
    assert knows.whole.scores["pcc"] > 0.25
    assert all(part.scores["pcc"] == 0 for part in (knows.mean, *knows.regions.values()))
    assert knows.between["pcc"].mean == pytest.approx(knows.whole.scores["pcc"])
    assert knows.between["pcc"].interval is None  # two patients


def test_means_are_taken_over_slides_within_patient(found):
    """S1 is perfect, S2 (of the same patient) and S3 are noise: (1 + s2) / 2 and s3, averaged."""
    by_hand = []
    for slide in ("S2", "S3"):
        truth = make_truth(slide)
        per_region = [
            np.mean(pearson_per_gene(*(values[truth.annotation == region] for values in both), np.zeros(12)))
            for region in (TUMOUR, OTHER)
            for both in [(measured(truth), noise(truth).astype(np.float32).astype(float))]
        ]
        by_hand.append(np.mean(per_region))
    right = row(found, "half-right")
    assert right.mean.scores["pcc"] == pytest.approx(((1 + by_hand[0]) / 2 + by_hand[1]) / 2, abs=1e-6)
    assert (right.mean.n_slides, right.mean.n_patients, right.mean.n_spots) == (3, 2, 3 * 84)


def test_the_whole_slide_beside_is_the_leaderboard_s(found):
    for label in ("half-right", "knows-regions"):
        board = next(one for one in found.table.rows if one.label == label)
        assert row(found, label).whole.scores["pcc"] == pytest.approx(board.pcc)
        assert row(found, label).whole.scores["pcc_equal_depth"] == pytest.approx(board.pcc_equal_depth)


def test_undetermined_spots_and_small_regions_are_left_out_and_counted(tmp_path: Path):
    small = make_truth("S1")
    small.annotation[10:30] = "fat"
    bare = replace(make_truth("S2"), annotation=None)
    folder = write_run(tmp_path, {"S1": small, "S2": bare, "S3": make_truth("S3")}, {"noise": noise})
    within = within_regions(*opened(folder))
    assert within is not None
    assert (within.n_scored, within.n_unlabelled, within.unannotated) == (180, 12, ("S2",))
    assert within.too_few == (("S1", TUMOUR, 22), ("S1", "fat", 20))
    assert row(within, "noise").regions[TUMOUR].n_slides == 1
    said = " ".join(within_sentences(within))
    assert "12 of 180 scored spots have no label" in said and "Not annotated: S2" in said and "(22)" in said
    overall, single = within_sheets(within)
    assert all(len(line) == len(sheet.titles) for sheet in (overall, single) for line in sheet.lines)
    assert within_regions(*opened(folder), least=20).too_few == ()  # type: ignore[union-attr]


def test_nothing_is_said_without_annotation_and_of_too_few_spots(tmp_path: Path):
    bare = {name: replace(make_truth(name), annotation=None) for name in ("S1", "S3")}
    opened_run = opened(write_run(tmp_path, bare, {"noise": noise}))
    assert within_regions(*opened_run) is None
    with pytest.raises(UsageError, match="--min-spots must be at least 20"):
        within_regions(*opened_run, least=5)
