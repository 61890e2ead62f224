"""What a bundle claims is not believed: truths, training summaries, leaky marks and kinds are made anew or checked."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from plugins.command import run_two_floors, stbench

from stbench.evaluation.scoring import SlideScorer
from stbench.files import hash_value
from stbench.metrics.training import TrainingSummary
from stbench.record import Record
from stbench.reporting.results.store import RunStore

pytestmark = pytest.mark.usefixtures("few_starts")


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory, cache_of_the_session: Path) -> Path:
    """Two floors on demo-tiny."""
    return run_two_floors(tmp_path_factory.mktemp("results"), cache_of_the_session, n_genes=12)


def whole(store: RunStore, record: Record) -> Record:
    """The Record with all its arrays."""
    return replace(
        record,
        predictions=store.load_predictions(record.key),
        truths=store.load_truths(record),
        training=store.load_training(record.key),
    )


def forged(results: Path, to: Path, forge) -> Path:
    """A bundle whose Records are those of knn under another name, each changed by `forge`."""
    store, fake = RunStore(results), RunStore(to / "fake")
    for record in store.records()[0]:
        if record.row.method == "knn":
            row = replace(record.row, method="wonder", source="1" * 16)
            record = replace(
                whole(store, record), row=row, key=hash_value(["wonder", record.key]), kind="method"
            )
            fake.save(forge(record))
    stbench("bundle", "--out", fake.out, "--to", to / "fake.zip", "--with-truth")
    return to / "fake.zip"


def with_truth_of_its_own_predictions(record: Record) -> Record:
    """Counts made from what was predicted, and the scores that follow: everything in the bundle fits together."""
    truths, slides = {}, []
    for name, truth in record.truths.items():
        predicted = record.predictions[name].astype(float)
        counts = np.round(np.expm1(predicted) * truth.totals[:, None] / 1e6).astype(np.int64)
        spread = predicted - predicted.min(axis=0)
        counts = np.round(1 + 40 * spread / np.maximum(spread.max(axis=0), 1e-9)).astype(np.int64)
        totals = np.full(len(counts), 10_000)
        truths[name] = replace(truth, counts=counts, totals=totals)
    again = replace(record, truths=truths)
    for name, truth in truths.items():
        scorer = SlideScorer(truth, record.unlabelled, record.tumour_labels)
        slides.append(scorer.score(record.predictions[name], TrainingSummary(**record.training)))
    return replace(again, slides=tuple(slides))


def with_another_training_range(record: Record) -> Record:
    """A training range twice as wide halves the min-max RMSE."""
    training = dict(record.training) | {
        "minimum": record.training["minimum"] - 5.0,
        "maximum": record.training["maximum"] + 5.0,
    }
    slides = tuple(
        SlideScorer(record.truths[s.slide], record.unlabelled, record.tumour_labels).score(
            record.predictions[s.slide], TrainingSummary(**training)
        )
        for s in record.slides
    )
    return replace(record, training=training, slides=slides)


def with_slides_of_one_patient_as_of_many(record: Record) -> Record:
    """Patients are what every mean and every test goes by."""
    return replace(record, slides=tuple(replace(s, patient=f"patient of {s.slide}") for s in record.slides))


def rows(found) -> dict[str, dict]:
    return {row["label"]: row for table in json.loads(found.out)["tables"] for row in table["rows"]}


@pytest.mark.parametrize(
    ("forge", "said"),
    [
        (with_truth_of_its_own_predictions, "and comes out as"),
        (with_another_training_range, "rmse is stored as"),
    ],
)
def test_a_forgery_takes_no_place_beside_ones_own_results(results, tmp_path, forge, said):
    bundle = forged(results, tmp_path, forge)
    found = stbench("leaderboard", "--out", results, "--bundle", bundle, "--json")
    assert "wonder" not in rows(found) and set(rows(found)) == set(
        rows(stbench("leaderboard", "--out", results, "--json"))
    )
    told = " ".join(found.err.split())
    assert "wonder is left out; against your own data" in told and said in told


@pytest.mark.parametrize(
    ("forge", "said"),
    [
        (with_truth_of_its_own_predictions, "is not what the data set's files hold (counts, totals)"),
        (with_another_training_range, "rmse is stored as"),
        (with_slides_of_one_patient_as_of_many, "patient is stored as"),
    ],
)
def test_verify_scores_against_the_data(results, tmp_path, forge, said):
    found = stbench("verify", forged(results, tmp_path, forge))
    assert found.status == 1 and said in " ".join(found.out.split()) and "0 of 4 Records" in found.out


def test_a_forgery_that_nothing_here_can_check_is_marked(results, tmp_path):
    """Under the name of a data set of which there is nothing here, it joins a table of its own, marked."""

    def elsewhere(record: Record) -> Record:
        fake = with_truth_of_its_own_predictions(record)
        return replace(fake, table=replace(fake.table, dataset="her2", slides=record.table.slides))

    bundle = forged(results, tmp_path, elsewhere)
    row = rows(stbench("leaderboard", "--out", results, "--bundle", bundle, "--json"))["wonder"]
    assert row["marks"] == ["truth not checked here"]
    found = stbench("verify", bundle)
    assert found.status == 0 and "The truth of 4 was not checked" in " ".join(found.out.split())


def test_a_leaky_panel_is_leaky_whatever_the_record_says(results, tmp_path):
    def leaky(record: Record) -> Record:
        table = replace(record.table, genes="hvg-intersection", dataset="her2")
        return replace(record, table=table, leaky=False, panel_note="", kind="floor")

    bundle = forged(results, tmp_path, leaky)
    row = rows(stbench("leaderboard", "--out", results, "--bundle", bundle, "--json"))["wonder"]
    assert row["leaky"] and "leaky" in row["marks"] and row["kind"] == "method"


def test_a_panel_that_its_recipe_does_not_give_is_found(results, tmp_path):
    """Genes chosen with the test slide in sight, under the name of an honest recipe."""

    def renamed(record: Record) -> Record:
        return replace(record, table=replace(record.table, genes="svg"))

    found = stbench("verify", forged(results, tmp_path, renamed))
    assert found.status == 1 and "its panel is not what svg gives on this data" in " ".join(found.out.split())


def test_a_bundle_says_what_it_holds_and_has_no_truth_unless_asked(results, tmp_path):
    path = tmp_path / "x.zip"
    assert "without truth" in stbench("bundle", "--out", results, "--to", path).err
    with zipfile.ZipFile(path) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        assert not any(name.startswith("truths/") for name in archive.namelist())
    assert manifest["holds"] == [
        "scores, settings and costs of every fold",
        "predicted expression of every spot",
    ]
    assert "demo-tiny" in manifest["terms"] and manifest["terms"]["demo-tiny"]
    assert "8 of 8 Records verified against the data" in stbench("verify", path).out


def test_a_bundle_without_truth_joins_and_is_checked_against_ones_own(results, tmp_path):
    path = tmp_path / "x.zip"
    stbench("bundle", "--out", results, "--to", path)
    both = stbench("leaderboard", "--out", results, "--bundle", path, "--json")
    assert both.status == 0 and both.out == stbench("leaderboard", "--out", results, "--json").out


def test_without_truth_and_without_data_nothing_can_be_verified(results, tmp_path):
    def elsewhere(record: Record) -> Record:
        return replace(record, table=replace(record.table, dataset="her2"))

    forged(results, tmp_path, elsewhere)
    stbench("bundle", "--out", tmp_path / "fake", "--to", tmp_path / "bare.zip")
    found = stbench("verify", tmp_path / "bare.zip")
    assert found.status == 1 and "it came without truth" in " ".join(found.out.split())
