"""`stbench run --suite`: a table known by its suite's name and hash, whoever made it and however it was asked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from plugins.command import stbench

from stbench.files import hash_value
from stbench.preprocess.encoders import encoder_identity

SUITE = """
name: tiny
dataset: demo-tiny
slides: [A1, B1, C1]
split: slide
inner: none
tune_on: pcc
halving: false
grid: small
genes: highest
n_genes: 8
target: logcpm
scale: minmax
encoder: efficientnet_lite0@{weights}
patch: 224 px
min_counts: 100
seeds: [0]
reference: knn
"""


@pytest.fixture(autouse=True, scope="module")
def few_floors(few_starts):
    """Two floors beside every method, which is enough for a reference."""
    with pytest.MonkeyPatch.context() as patch:
        from stbench import registry
        from stbench.reporting.mlflow.tracking import MlflowTracker

        patch.setattr(registry, "floor_methods", lambda: ["mean", "knn"])
        patch.setattr(MlflowTracker, "log", lambda *_: None)
        yield


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("suite") / "tiny.yaml"
    path.write_text(SUITE.format(weights=hash_value(encoder_identity("efficientnet_lite0"))[:8]))
    return path


@pytest.fixture(scope="module")
def results(suite: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("results")
    assert stbench("run", "--suite", suite, "--method", "knn", "--out", out).status == 0
    return out


def tables(*arguments) -> list[dict]:
    return json.loads(stbench("leaderboard", *arguments, "--json").out)["tables"]


def test_name_hash_and_reference_of_the_suite_stand_in_the_table(results, suite):
    (table,) = tables("--out", results)
    assert table["suite"].startswith("tiny ") and len(table["suite"].split()[1]) == 8
    assert table["references"] == ["knn"] and table["reference_named"]
    assert table["slides"] == ["A1", "B1", "C1"] and table["genes"] == "highest"
    assert f"suite {table['suite']}" in stbench("leaderboard", "--out", results, "--format", "md").out


def test_another_reference_than_the_one_named_is_marked(results):
    (table,) = tables("--out", results, "--reference", "mean")
    assert table["references"] == ["mean"] and not table["reference_named"]


def test_the_same_run_without_the_suites_name_is_a_table_of_the_suite(results, suite, tmp_path):
    options = ["--slides", "A1,B1,C1", "--inner", "none", "--genes", "highest", "--n-genes", "8"]
    stbench("run", "--method", "knn", "--dataset", "demo-tiny", *options, "--out", tmp_path)
    (tmp_path / "suites").mkdir()
    (kept,) = (results / "suites").glob("*.yaml")
    (tmp_path / "suites" / kept.name).write_text(kept.read_text())
    (table,) = tables("--out", tmp_path)
    assert table["suite"] == tables("--out", results)[0]["suite"]


def test_other_slides_are_no_table_of_the_suite(results, tmp_path):
    options = ["--inner", "none", "--genes", "highest", "--n-genes", "8"]
    stbench("run", "--method", "knn", "--dataset", "demo-tiny", *options, "--out", tmp_path)
    (tmp_path / "suites").mkdir()
    (kept,) = (results / "suites").glob("*.yaml")
    (tmp_path / "suites" / kept.name).write_text(kept.read_text())
    assert [table["suite"] for table in tables("--out", tmp_path)] == [""]


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--split", "patient", "--split patient contradicts suite tiny"),
        ("--dataset", "demo", "--dataset demo contradicts suite tiny"),
        ("--seeds", "0,1", "--seeds 0,1 contradicts suite tiny"),
        ("--min-counts", "0", "--min-counts 0 contradicts suite tiny"),
    ],
)
def test_a_contradicting_option_is_refused(suite, tmp_path, option, value, said):
    found = stbench("run", "--suite", suite, "--method", "knn", option, value, "--out", tmp_path / "out")
    assert found.status == 2 and said in found.err and not (tmp_path / "out").exists()


def test_an_option_that_says_the_same_passes(suite, tmp_path):
    found = stbench(
        "run",
        "--suite",
        suite,
        "--method",
        "ridge",
        "--split",
        "slide",
        "--dry-run",
        "--out",
        tmp_path / "out",
    )
    assert found.status == 0


def test_neither_dataset_nor_suite_is_one_sentence(tmp_path):
    found = stbench("run", "--method", "knn", "--out", tmp_path)
    assert found.status == 2 and "--dataset names the data set to run on, or --suite" in found.err
