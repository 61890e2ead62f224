"""Tumour against the rest: what a test slide may tell its own score, and sentences where there is none."""

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
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score

from stbench.errors import UnknownName, UsageError
from stbench.metrics import clustering
from stbench.record import SlideTruth
from stbench.reporting.regions.localising import DEPTH, MEASURED, Localised, localise, mean_over_patients
from stbench.reporting.regions.sheets import localised_sentences, localised_sheet, slide_sheet
from stbench.reporting.results.store import RunStore

SLIDES = ("S1", "S2", "S3")
# Made once: what a method predicts does not depend on what a test below does to a truth.
PREDICTED = {name: measured(make_truth(name, seed=40 + place)) for place, name in enumerate(SLIDES)}


@pytest.fixture(autouse=True, scope="module")
def few_starts():
    """k-means starts as often as its test needs and no more: starts are what all this takes its time for."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clustering, "N_SEEDS", 2)
        patch.setattr(clustering, "N_RESTARTS", 2)
        yield


def stored(truth: SlideTruth) -> np.ndarray:
    return PREDICTED[truth.slide]


def found_on(
    folder: Path, truths: dict[str, SlideTruth], tumour: tuple[str, ...] = (), embeddings=None, **options
) -> Localised:
    run = write_run(folder, truths, {"noisy": stored, "knows": regions_alone}, scored=False, **options)
    return localise(*opened(run), tumour, embeddings)


def scores(found: Localised, label: str, slide: str = "S1"):
    return next(row.slides[slide] for row in found.rows if row.label == label)


@pytest.fixture(scope="module")
def truths() -> dict[str, SlideTruth]:
    return {name: make_truth(name) for name in SLIDES}


@pytest.fixture(scope="module")
def embeddings() -> dict[str, dict[str, np.ndarray]]:
    rng = np.random.default_rng(1)
    half = (np.arange(90) < 45)[:, None]
    return {"coder": {name: rng.normal(0, 1, (90, 20)) + 0.5 * half for name in SLIDES}}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory, truths, embeddings) -> Localised:
    return found_on(tmp_path_factory.mktemp("run"), truths, embeddings=embeddings)


def test_rows_stand_beside_references_and_chance(found):
    labels = [row.label for row in found.rows]
    assert labels[:3] == [MEASURED, "embeddings of coder", DEPTH] and set(labels[3:]) == {"noisy", "knows"}
    assert scores(found, "knows") == (1.0, 1.0)
    assert scores(found, MEASURED).auroc > 0.95 > scores(found, "embeddings of coder").auroc > 0.6
    assert abs(scores(found, DEPTH).auroc - 0.5) < 0.2
    assert found.spots == dict.fromkeys(SLIDES, (84, 42)) and found.n_genes == (12, 12)
    sheet = localised_sheet(found)
    assert sheet.lines[0][:5] == ("chance", "", "0.000", "", "0.500")
    assert all(len(line) == len(one.titles) for one in (sheet, slide_sheet(found)) for line in one.lines)


def test_clusters_are_k_means_with_two_of_them(found, truths):
    kept = truths["S1"].annotation != "undetermined"
    components = PCA(12, svd_solver="full").fit_transform(measured(truths["S1"])[kept])
    seeds, n_init = range(clustering.N_SEEDS), clustering.N_RESTARTS
    groups = [KMeans(2, n_init=n_init, random_state=seed).fit_predict(components) for seed in seeds]
    is_tumour = truths["S1"].annotation[kept] == TUMOUR
    expected = np.mean([adjusted_rand_score(is_tumour, found_groups) for found_groups in groups])
    assert scores(found, MEASURED).ari == pytest.approx(expected)


def test_an_index_that_is_taken_from_a_record_is_what_clusters_give(found, truths, tmp_path):
    run = write_run(tmp_path, {name: truths[name] for name in ("S1", "S3")}, {"noisy": stored})
    assert RunStore(run).records()[0][0].slides[0].scores["ari_tumour"] is not None
    again = localise(*opened(run), (TUMOUR,))
    for slide in ("S1", "S3"):
        assert scores(again, "noisy", slide).ari == pytest.approx(scores(found, "noisy", slide).ari, abs=1e-9)


def test_labels_of_the_test_slide_are_truth_and_nothing_else(found, truths, embeddings, tmp_path):
    """With tumour and rest exchanged on S1, each area on S1 is 1 less what it was: its ranking has not changed."""
    turned = truths["S1"].annotation.copy()
    turned[truths["S1"].annotation == TUMOUR], turned[truths["S1"].annotation == OTHER] = OTHER, TUMOUR
    other = found_on(
        tmp_path, truths | {"S1": replace(truths["S1"], annotation=turned)}, embeddings=embeddings
    )
    for row in found.rows:
        assert scores(other, row.label).auroc == pytest.approx(1 - scores(found, row.label).auroc, abs=1e-12)
    # The other slides' probes were fitted on S1, and notice.
    assert scores(other, MEASURED, "S2").auroc != scores(found, MEASURED, "S2").auroc


def test_expression_of_the_test_slide_reaches_no_prediction_s_score(found, truths, embeddings, tmp_path):
    scrambled = np.random.default_rng(0).permutation(truths["S1"].counts)
    scrambled = np.minimum(scrambled, truths["S1"].totals[:, None] // 12)
    other = found_on(
        tmp_path, truths | {"S1": replace(truths["S1"], counts=scrambled)}, embeddings=embeddings
    )
    for row in found.rows:
        if row.label != MEASURED:
            assert scores(other, row.label) == scores(found, row.label)
    assert scores(other, MEASURED).auroc < 0.7 < scores(found, MEASURED).auroc


def test_the_patient_split_fits_probes_on_other_patients_alone(found, truths, tmp_path):
    assert found.trained_on["S1"] == ("S2", "S3")
    apart = found_on(tmp_path, truths, split="patient")
    assert apart.trained_on == {"S1": ("S3",), "S2": ("S3",), "S3": ("S1", "S2")}
    assert "of other patients" in " ".join(localised_sentences(apart))
    assert "its own patient among them" in " ".join(localised_sentences(found, "not here"))


def test_means_are_by_patient(found):
    row = next(row for row in found.rows if row.label == MEASURED)
    one, two, three = (row.slides[slide].auroc for slide in SLIDES)
    assert row.auroc.value == pytest.approx(((one + two) / 2 + three) / 2)
    assert (row.auroc.n_slides, row.auroc.n_patients, row.auroc.interval) == (3, 2, None)


def test_intervals_stay_within_what_a_score_can_be():
    patients = {name: name for name in "ABC"}
    areas: dict[str, float | None] = {"A": 0.55, "B": 0.9, "C": 0.999}
    found = mean_over_patients(areas, patients, lowest=0.0)
    assert found.interval and found.value
    low, high = found.interval
    assert 0 <= low < found.value < high <= 1
    # By hand: Fisher's z of twice the area less 1, t(.975, 2) = 4.3027.
    z = np.arctanh([2 * area - 1 for area in areas.values() if area])
    half = 4.302653 * z.std(ddof=1) / np.sqrt(3)
    assert (low, high) == pytest.approx(
        tuple((np.tanh([z.mean() - half, z.mean() + half]) + 1) / 2), abs=1e-6
    )
    index = mean_over_patients({"A": 0.9, "B": -0.2, "C": 0.95}, patients)
    assert mean_over_patients(areas, dict.fromkeys("ABC")).interval is None  # patients not stated
    assert index.interval and -1 <= index.interval[0] < index.interval[1] <= 1


def test_a_slide_without_both_classes_is_left_out_by_name(truths, tmp_path):
    alone = truths["S2"].annotation.copy()
    alone[alone == TUMOUR] = OTHER
    bare = replace(truths["S3"], annotation=None)
    few = found_on(tmp_path, {"S1": truths["S1"], "S2": replace(truths["S2"], annotation=alone), "S3": bare})
    assert few.left_out == {"S2": "no tumour", "S3": "no label"}
    assert scores(few, "knows") == (1.0, None) and "S1" in few.no_probe
    said = " ".join(localised_sentences(few))
    assert "S2 (no tumour)" in said and "No AUROC: S1" in said


@pytest.mark.parametrize(
    ("annotation", "tumour", "card", "said"),
    [
        (None, (), (TUMOUR,), "is annotated, so that there is no tumour"),
        ("labels", ("cancr",), (TUMOUR,), "Did you mean cancer"),
        ("labels", (), (), "name some with --tumour. There are: cancer, stroma"),
        ("labels", (TUMOUR, OTHER), (), "S1: tumour alone"),
        ("labels", (), ("carcinoma",), "S1: no tumour"),
    ],
)
def test_what_cannot_be_localised_is_one_sentence(truths, tmp_path, annotation, tumour, card, said):
    kept = {"S1": truths["S1"], "S3": truths["S3"]}
    if annotation is None:
        kept = {name: replace(truth, annotation=None) for name, truth in kept.items()}
    run = write_run(tmp_path, kept, {"noise": noise}, tumour=card, scored=False)
    with pytest.raises(UnknownName if tumour == ("cancr",) else UsageError, match=said):
        localise(*opened(run), tumour)
