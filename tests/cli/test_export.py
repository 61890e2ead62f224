"""`stbench export`: what leaves is what a plugin sees, and what comes back is a row whose panel and folds are known."""

from __future__ import annotations

import csv
import gzip
import json
import shutil
import subprocess
import sys
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
from plugins import slides
from plugins.command import Outcome, leftovers, records, stbench

PANEL = ("--genes", "highest", "--n-genes", 20)
# The training mean of each gene, written with nothing but the standard library.
IN_PYTHON = """
import csv, gzip, pathlib, statistics, sys
for fold in sorted(pathlib.Path(sys.argv[1]).glob("fold-*")):
    with gzip.open(fold / "train_expression.csv.gz", "rt") as file:
        (_, *genes), *rows = csv.reader(file)
    means = [statistics.fmean(float(row[i + 1]) for row in rows) for i in range(len(genes))]
    with gzip.open(fold / "query.csv.gz", "rt") as file:
        ids = [row["spot"] for row in csv.DictReader(file)]
    with gzip.open(fold / "predictions.csv.gz", "wt", newline="") as file:
        csv.writer(file).writerows([["spot", *genes], *([spot, *means] for spot in ids)])
"""
IN_R = """
for (fold in list.files(commandArgs(TRUE), "^fold-", full.names = TRUE)) {
  train <- read.csv(gzfile(file.path(fold, "train_expression.csv.gz")), row.names = 1, check.names = FALSE)
  query <- read.csv(gzfile(file.path(fold, "query.csv.gz")), row.names = 1)
  means <- matrix(colMeans(train), nrow(query), ncol(train), byrow = TRUE)
  dimnames(means) <- list(rownames(query), colnames(train))
  write.csv(means, gzfile(file.path(fold, "predictions.csv.gz")))
}
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return slides.write_slides(tmp_path_factory.mktemp("data"))


def export(data: Path, to: Path, *arguments: object) -> Outcome:
    given = ("--dataset", "her2", "--data-root", data, "--to", to, *PANEL)
    return stbench("export", *given, *arguments)


def score(data: Path, out: Path, place: Path, *arguments: object) -> Outcome:
    return stbench(
        "score", place, "--dataset", "her2", "--data-root", data, "--out", out, "--name", "theirs", *arguments
    )


@pytest.fixture
def exported(data: Path, tmp_path: Path, quick: None) -> Path:
    outcome = export(data, tmp_path / "exported", "--no-embeddings")
    assert outcome.status == 0, outcome.err
    return tmp_path / "exported"


def table(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, index_col=0)


def log_cpm(data: Path, slide: str) -> pd.DataFrame:
    counts = pd.read_csv(slides.counts_file(data, slide), sep="\t", index_col=0)
    return np.log1p(1e6 * counts.div(counts.sum(axis=1), axis=0))


def test_a_fold_holds_training_expression_and_query_places_only(data: Path, exported: Path):
    manifest = json.loads((exported / "manifest.json").read_text())
    assert [fold["name"] for fold in manifest["folds"]] == ["A1", "B1", "C1", "D1"]
    for fold in manifest["folds"]:
        folder = exported / fold["folder"]
        expression, query = table(folder / "train_expression.csv.gz"), table(folder / "query.csv.gz")
        panel = (folder / "panel.txt").read_text().split()
        wanted = pd.concat({name: log_cpm(data, name)[panel] for name in fold["train"]})
        assert list(expression.index) == [f"{slide}:{spot}" for slide, spot in wanted.index]
        np.testing.assert_allclose(expression[panel].to_numpy(), wanted.to_numpy(), atol=1e-5)
        (query_id,) = fold["queries"]
        assert set(query["slide"]) == {query_id} and len(query) == 25
        assert set(query.columns) == {
            "slide", "pixel_x", "pixel_y", "array_row", "array_column", "microns_per_pixel",
        }  # fmt: skip
        assert anndata.read_h5ad(folder / "query.h5ad").X is None
        whole = anndata.read_h5ad(folder / "train.h5ad")
        np.testing.assert_allclose(np.asarray(whole.X), wanted.to_numpy(), atol=1e-5)
        assert list(whole.var_names) == panel


def test_no_file_of_a_fold_holds_its_test_slides_expression(data: Path, exported: Path):
    manifest = json.loads((exported / "manifest.json").read_text())
    fold = manifest["folds"][1]
    names = {path.name for path in (exported / fold["folder"]).iterdir()}
    assert names == {
        "panel.txt", "train.csv.gz", "train_expression.csv.gz", "train_counts.csv.gz", "query.csv.gz", "train.h5ad",
        "query.h5ad",
    }  # fmt: skip
    for name in ("train.csv.gz", "train_expression.csv.gz", "train_counts.csv.gz"):
        assert not any(spot.startswith("B1") for spot in table(exported / fold["folder"] / name).index)


def means_of(data: Path, out: Path) -> dict[str, dict[str, float]]:
    """The scores of the floor `mean` on the same folds."""
    run = stbench(
        "run", "--method", "mean", "--dataset", "her2", "--data-root", data, "--out", out, *PANEL, "--inner", "none",
        "--threads", 1,
    )  # fmt: skip
    assert run.status == 0, run.err
    return scores_of(out, "mean")


def scores_of(out: Path, name: str) -> dict[str, dict[str, float]]:
    found = [record for record in records(out).values() if record["row"]["method"] == name]
    return {slide["slide"]: slide["scores"] for record in found for slide in record["slides"]}


def came_back_as_mean(data: Path, exported: Path, out: Path) -> None:
    outcome = score(data, out, exported, "--json")
    assert outcome.status == 0, outcome.err
    theirs, wanted = scores_of(out, "theirs"), means_of(data, out)
    assert theirs.keys() == wanted.keys()
    for slide, scores in wanted.items():
        for name, value in scores.items():
            assert theirs[slide][name] == (None if value is None else pytest.approx(value, abs=1e-5)), name
    board = stbench("leaderboard", "--out", out, "--json").document
    (found,) = board["tables"]
    kinds = {row["label"]: row["kind"] for row in found["rows"]}
    assert kinds == {"theirs": "external", "mean": "floor", "ceiling": "ceiling"} | {
        row["label"]: "published" for row in found["rows"] if row["kind"] == "published"
    }


def test_a_script_without_stbench_makes_the_floors_row(data: Path, exported: Path, tmp_path: Path):
    subprocess.run([sys.executable, "-I", "-c", IN_PYTHON, exported], check=True)
    came_back_as_mean(data, exported, tmp_path / "out")


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="there is no R here")
def test_a_script_in_r_makes_the_floors_row(data: Path, exported: Path, tmp_path: Path):
    (tmp_path / "mean.R").write_text(IN_R)
    subprocess.run(["Rscript", "--vanilla", tmp_path / "mean.R", exported], check=True)
    came_back_as_mean(data, exported, tmp_path / "out")


def test_predictions_on_the_exported_scale_are_moved_back(data: Path, tmp_path: Path, quick: None):
    assert export(data, tmp_path / "exported", "--no-embeddings", "--scale", "minmax").status == 0
    fold = tmp_path / "exported" / "fold-1"
    expression = table(fold / "train_expression.csv.gz")
    assert (expression.min().min(), expression.max().max()) == (0, 1)
    subprocess.run([sys.executable, "-I", "-c", IN_PYTHON, tmp_path / "exported"], check=True)
    came_back_as_mean(data, tmp_path / "exported", tmp_path / "out")


def test_embeddings_and_patches_are_those_that_a_plugin_sees(data: Path, tmp_path: Path, quick: None):
    outcome = export(data, tmp_path / "exported", "--patches", "32", "--slides", "A1,B1,C1", "--json")
    assert outcome.status == 0, outcome.err
    fold = tmp_path / "exported" / "fold-2"
    query = anndata.read_h5ad(fold / "query.h5ad")
    assert query.obsm["embeddings"].shape == (25, 1280)
    assert np.load(fold / "query_patches_32px.npy").shape == (25, 32, 32, 3)
    np.testing.assert_allclose(
        table(fold / "query_embeddings.csv.gz").to_numpy(), query.obsm["embeddings"], rtol=1e-6
    )


def predicted(exported: Path) -> None:
    subprocess.run([sys.executable, "-I", "-c", IN_PYTHON, exported], check=True)


def edited(exported: Path, **values: object) -> None:
    path = exported / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def other_data(exported: Path) -> None:
    edited(exported, data="0" * 16)


def other_panel(exported: Path) -> None:
    edited(exported, n_genes=21)


def older_protocol(exported: Path) -> None:
    edited(exported, protocol=1)


def no_manifest(exported: Path) -> None:
    edited(exported, folds="none")


def unknown_id(exported: Path) -> None:
    path = exported / "fold-2" / "predictions.csv.gz"
    with gzip.open(path, "rt") as file:
        rows = list(csv.reader(file))
    rows[3][0] = "query-9:2x2"
    with gzip.open(path, "wt", newline="") as file:
        csv.writer(file).writerows(rows)


def nothing_written(exported: Path) -> None:
    for path in exported.glob("fold-*/predictions.csv.gz"):
        path.unlink()


BAD = {
    other_data: ("not those that were exported",),
    other_panel: ("The panel of fold", "export the folds anew"),
    older_protocol: ("protocol 1",),
    no_manifest: ("manifest.json", "folds"),
    unknown_id: ("query-9:2x2", "keep its ids"),
    nothing_written: ("holds no predictions",),
}


@pytest.mark.parametrize("harm", BAD, ids=lambda harm: harm.__name__)
def test_what_is_not_what_was_exported_is_refused(harm, data: Path, exported: Path, tmp_path: Path):
    predicted(exported)
    harm(exported)
    outcome = score(data, tmp_path / "out", exported)
    assert outcome.status == 2, outcome.err
    last = outcome.err.strip().splitlines()[-1]
    assert all(word in last for word in BAD[harm]), last
    assert records(tmp_path / "out") == {} and leftovers(tmp_path / "out") == []


def test_a_folder_that_holds_something_is_not_written_into(data: Path, tmp_path: Path, quick: None):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep")
    outcome = export(data, tmp_path / "mine")
    assert (outcome.status, "new or empty" in outcome.err) == (2, True)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["notes.txt"]
    assert not list(tmp_path.glob(".mine*"))
