"""`--target` end to end: a run on Pearson residuals, the table that it has to itself, and plans that hold it."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import anndata
import numpy as np
import pytest
import scanpy
from plugins import slides
from plugins.command import Outcome, records, stbench

from stbench.datasets.her2 import plugin as Her2
from stbench.reporting.results.plan_files import PlanFiles
from stbench.reporting.results.store import RunStore
from stbench.reporting.results.trial_store import TrialStore

# Of four slides of four patients: pairs to tune on, one fit for all penalties.
PAIRS, FOLDS = 6, 4


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return slides.write_slides(tmp_path_factory.mktemp("sound"))


def run(data: Path, out: Path, method: str, *arguments: object, command: str = "run") -> Outcome:
    where = ("--dataset", "her2", "--data-root", data, "--out", out, "--genes", "highest", "--n-genes", 10)
    outcome = stbench(command, "--method", method, *where, "--threads", 1, "--device", "cpu", *arguments)
    assert outcome.status == 0, outcome.err
    return outcome


def of_target(out: Path, target: str) -> dict[str, dict]:
    return {key: record for key, record in records(out).items() if record["table"]["target"] == target}


Residuals = tuple[tuple[str, ...], np.ndarray, np.ndarray]


def scanpys_residuals(data: Path) -> dict[str, Residuals]:
    """slide -> its genes, which of its spots are scored, and their residuals."""
    found = {}
    for source in Her2().slides(data):
        slide = source.read()
        scored = slide.totals >= 100
        counts = anndata.AnnData(slide.counts.toarray().astype(float)[scored])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            scanpy.experimental.pp.normalize_pearson_residuals(counts, check_values=False)
        found[slide.id] = slide.genes, scored, np.nan_to_num(np.asarray(counts.X))
    return found


def of_panel(found: Residuals, record: dict) -> np.ndarray:
    genes, _, residuals = found
    return residuals[:, [genes.index(gene) for gene in record["panel_genes"]]]


def test_residuals_are_predicted_and_scored_in_a_table_of_their_own(data: Path, tmp_path: Path, quick: None):
    out = tmp_path / "out"
    for target in ("logcpm", "pearson"):
        run(data, out, "ridge", "--target", target, "--tune-on", "pcc-equal-depth", "--in-process")
    assert len(TrialStore(out).names()[0]) == 2 * PAIRS  # a fit for one target is none for the other
    tables = json.loads(stbench("leaderboard", "--out", out, "--json").out)["tables"]
    assert sorted(table["target"] for table in tables) == ["logcpm", "pearson"]
    measured = [[row for row in table["rows"] if row["kind"] in ("method", "floor")] for table in tables]
    assert list(map(len, measured)) == [3, 3], "ridge, the untuned one and mean"
    one, other = of_target(out, "logcpm"), of_target(out, "pearson")
    assert len(one) == len(other) == 3 * FOLDS and one.keys().isdisjoint(other)
    truth, store = scanpys_residuals(data), RunStore(out)
    for key, record in other.items():
        (scores,), (name,) = record["slides"], record["test_slides"]
        scored, expected = truth[name][1], of_panel(truth[name], record)
        predicted = store.load_predictions(key)[name]
        if record["row"]["method"] == "mean":
            assert scores["scores"]["pcc"] == 0
            trained = np.concatenate([of_panel(truth[train], record) for train in record["train_slides"]])
            np.testing.assert_allclose(predicted[0], trained.mean(axis=0), atol=1e-6)
            continue
        found = [np.corrcoef(*pair)[0, 1] for pair in zip(predicted[scored].T, expected.T, strict=True)]
        assert scores["scores"]["pcc"] == pytest.approx(np.mean(found), abs=1e-6)
    verified = stbench("verify", out)
    assert verified.status == 0, verified.out + verified.err


def test_a_network_trains_on_residuals(data: Path, tmp_path: Path, quick: None):
    """One that trains on min-max: what it says is moved back to the range of the training slides' residuals."""
    out, truth = tmp_path / "out", scanpys_residuals(data)
    options = ("--inner", "none", "--epochs", 2, "--slides", "A1,B1,C1", "--workers", 1)
    run(data, out, "spahgc", *options, "--target", "pearson")
    made = [record for record in of_target(out, "pearson").values() if record["row"]["method"] == "spahgc"]
    assert len(made) == 3
    for record in made:
        trained = np.concatenate([of_panel(truth[name], record) for name in record["train_slides"]])
        low, high = trained.min(axis=0), trained.max(axis=0)
        predicted = RunStore(out).load_predictions(record["key"])[record["test_slides"][0]]
        assert (low < 0).all() and (predicted < 0).any()  # no logarithm of 1 + counts is below 0
        assert (predicted > low - (high - low)).all() and (predicted < high + (high - low)).all()


def test_a_plan_holds_its_target(data: Path, tmp_path: Path, quick: None):
    out = tmp_path / "out"
    for target in ("logcpm", "pearson"):
        run(data, out, "mean", "--inner", "none", "--target", target, command="plan")
    plans = {plan.asked["target"]: plan for plan in PlanFiles(out).load_all()}
    assert plans.keys() == {"logcpm", "pearson"}
    assert plans["logcpm"].keys.isdisjoint(plans["pearson"].keys)
    assert stbench("work", "--out", out, "--workers", 1).status == 0
    assert of_target(out, "pearson").keys() == plans["pearson"].keys
    assert of_target(out, "logcpm").keys() == plans["logcpm"].keys
    # A plan whose question was exchanged afterwards is not worked.
    changed = {**plans["logcpm"].asked, "target": "pearson"}
    PlanFiles(tmp_path / "forged").save(plans["logcpm"].model_copy(update={"asked": changed}))
    refused = stbench("work", "--out", tmp_path / "forged")
    assert refused.status == 2 and "than the plan was made with" in refused.err
    assert records(tmp_path / "forged") == {}


def test_python_takes_the_target_too(data: Path, tmp_path: Path, quick: None):
    import stbench as package

    made = package.run(
        ["mean"], "her2", data_root=data, out=tmp_path, genes="highest", n_genes=10, inner="none",
        target="pearson", device="cpu", in_process=True,
    )  # fmt: skip
    assert {record.table.target for record in made} == {"pearson"}
