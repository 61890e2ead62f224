"""`stbench score`: predictions from files, judged as a run's are; what is missing is counted and left out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
from plugins import slides
from plugins.command import Outcome, leftovers, records, run_two_floors, stbench

from stbench.reporting.results.store import RunStore

NAMES = ("A1", "B1", "C1", "D1")
PANEL = ("--genes", "highest", "--n-genes", 20)
Frames = dict[str, pd.DataFrame]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return slides.write_slides(tmp_path_factory.mktemp("data"))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "theirs"


def counts_of(data: Path, slide: str) -> pd.DataFrame:
    """The provider's table, read with pandas alone."""
    return pd.read_csv(slides.counts_file(data, slide), sep="\t", index_col=0)


def truth_of(data: Path) -> Frames:
    """slide -> ln(1 + counts per million), all genes."""
    tables = {name: counts_of(data, name) for name in NAMES}
    return {name: np.log1p(1e6 * t.div(t.sum(axis=1), axis=0)) for name, t in tables.items()}


def write(folder: Path, frames: Frames, suffix: str = ".csv.gz") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, frame in frames.items():
        frame.to_csv(folder / f"{name}{suffix}")
    return folder


def score(data: Path, out: Path, *arguments: object) -> Outcome:
    where = ("--dataset", "her2", "--data-root", data, "--out", out)
    return stbench("score", *arguments, *where, *PANEL)


def scores_of(out: Path, name: str = "theirs") -> dict[str, dict[str, float]]:
    """slide -> its scores in the Records of a row."""
    found = [record for record in records(out).values() if record["row"]["method"] == name]
    return {slide["slide"]: slide["scores"] for record in found for slide in record["slides"]}


def row_of(outcome: Outcome, label: str) -> dict:
    assert outcome.status == 0, outcome.err
    (table,) = outcome.document["tables"]
    return next(row for row in table["rows"] if row["label"] == label)


def noisy(frames: Frames) -> Frames:
    rng = np.random.default_rng(3)
    return {name: frame + rng.normal(0, 0.5, frame.shape) for name, frame in frames.items()}


def test_predictions_equal_to_the_truth_score_one(data: Path, place: Path, tmp_path: Path, quick: None):
    outcome = score(data, tmp_path / "out", write(place, truth_of(data)), "--name", "theirs", "--json")
    row = row_of(outcome, "theirs")
    assert (row["kind"], row["audited"], row["ranked"]) == ("external", None, True)
    assert row["pcc"] == pytest.approx(1, abs=1e-6)
    assert row["pcc_given_depth"] == pytest.approx(1, abs=1e-6)
    assert row["rmse"] == pytest.approx(0, abs=1e-6)
    assert any("leakage not audited" in note for note in row["notes"])


def test_a_score_is_what_pandas_says(data: Path, place: Path, tmp_path: Path, quick: None):
    truth = truth_of(data)
    theirs = noisy(truth)
    score(data, tmp_path / "out", write(place, theirs), "--name", "theirs")
    for record in records(tmp_path / "out").values():
        (slide,) = record["slides"]
        panel = record["panel_genes"]
        expected = theirs[slide["slide"]][panel].corrwith(truth[slide["slide"]][panel])
        np.testing.assert_allclose(slide["per_gene"]["pcc"], expected, atol=2e-6)


def as_cpm(truth: Frames, data: Path) -> Frames:
    return {name: np.expm1(frame) for name, frame in truth.items()}


def as_counts_of_all_genes(truth: Frames, data: Path) -> Frames:
    """Any totals do, since the file's genes are all there are."""
    return {name: np.expm1(frame) * 7e-3 for name, frame in truth.items()}


def as_counts_with_totals(truth: Frames, data: Path) -> Frames:
    """Half of the genes, and what the counts over all of them are."""
    tables = {name: counts_of(data, name) for name in NAMES}
    return {name: table.assign(total=table.sum(axis=1)) for name, table in tables.items()}


@pytest.mark.parametrize(
    ("scale", "turned"),
    [("cpm", as_cpm), ("counts", as_counts_of_all_genes), ("counts", as_counts_with_totals)],
)
def test_every_stated_scale_gives_the_same_scores(
    scale: str, turned: Callable[[Frames, Path], Frames], data: Path, tmp_path: Path, quick: None
):
    truth = truth_of(data)
    score(data, tmp_path / "log", write(tmp_path / "a", truth), "--name", "theirs")
    files = write(tmp_path / "b", turned(truth, data))
    outcome = score(data, tmp_path / "other", files, "--name", "theirs", "--scale-of", scale)
    assert outcome.status == 0, outcome.err
    wanted, found = scores_of(tmp_path / "log"), scores_of(tmp_path / "other")
    for slide in NAMES:
        for name, value in wanted[slide].items():
            assert found[slide][name] == (None if value is None else pytest.approx(value, abs=1e-5)), name


def test_an_anndata_of_all_slides_says_the_same(data: Path, place: Path, tmp_path: Path, quick: None):
    theirs = noisy(truth_of(data))
    score(data, tmp_path / "csv", write(place, theirs), "--name", "theirs")
    whole = pd.concat(theirs, names=["slide", "spot"])
    obs = whole.index.to_frame(index=False).astype(str)
    obs.index = obs["slide"] + "-" + obs["spot"]
    var = pd.DataFrame(index=whole.columns)
    anndata.AnnData(whole.to_numpy(), obs=obs, var=var).write_h5ad(tmp_path / "theirs.h5ad")
    outcome = score(data, tmp_path / "h5ad", tmp_path / "theirs.h5ad", "--name", "theirs")
    assert outcome.status == 0, outcome.err
    assert scores_of(tmp_path / "h5ad") == scores_of(tmp_path / "csv")


def test_five_spots_and_three_genes_that_are_missing_are_counted_and_left_out(
    data: Path, place: Path, tmp_path: Path, quick: None
):
    truth = truth_of(data)
    theirs = noisy(truth)
    score(data, tmp_path / "whole", write(tmp_path / "whole-files", theirs), "--name", "theirs")
    panel = next(r["panel_genes"] for r in records(tmp_path / "whole").values() if r["fold"] == "B1")
    gone = list(panel[4:7])
    lacking = {**theirs, "B1": theirs["B1"].drop(columns=gone).iloc[:-5]}
    outcome = score(data, tmp_path / "out", write(place, lacking), "--name", "theirs", "--json")
    notes = row_of(outcome, "theirs")["notes"]
    assert "5 spots and 3 panel genes of B1 are missing, left out and not scored" in notes
    (record,) = [r for r in records(tmp_path / "out").values() if r["fold"] == "B1"]
    (slide,) = record["slides"]
    left = [gene for gene in panel if gene not in gone]
    assert (slide["n_spots"], slide["n_scored"], slide["genes"]) == (20, 20, left)
    assert record["panel_genes"] == panel
    expected = lacking["B1"][left].corrwith(truth["B1"][left].iloc[:-5])
    np.testing.assert_allclose(slide["per_gene"]["pcc"], expected, atol=2e-6)
    kept = RunStore(tmp_path / "out").load_predictions(record["key"])["B1"]
    assert kept.shape == (20, len(panel))
    assert np.isnan(kept).all(axis=0).sum() == 3
    verified = stbench("verify", tmp_path / "out", "--data-root", data, "--json")
    assert verified.status == 0, verified.out + verified.err


def test_a_slide_without_predictions_is_a_fold_that_failed(
    data: Path, place: Path, tmp_path: Path, quick: None
):
    theirs = truth_of(data)
    del theirs["C1"]
    outcome = score(data, tmp_path / "out", write(place, theirs), "--name", "theirs", "--json")
    assert outcome.status == 1
    (table,) = outcome.document["tables"]
    row = next(row for row in table["rows"] if row["kind"] == "external")
    assert (row["n_failed"], row["ranked"]) == (1, False)
    assert {slide["slide"]: slide["failed"] for slide in row["slides"]}[
        "C1"
    ] == "no predictions of slide C1 were given"


def test_folders_are_seeds_of_one_row(data: Path, tmp_path: Path, quick: None):
    truth = truth_of(data)
    folders = [write(tmp_path / "s0", truth), write(tmp_path / "s1", noisy(truth))]
    row = row_of(score(data, tmp_path / "out", *folders, "--name", "theirs", "--json"), "theirs")
    assert row["seeds"] == [0, 1]
    single = scores_of(tmp_path / "out")
    assert len(records(tmp_path / "out")) == 2 * len(NAMES)
    assert row["pcc_seed_sd"] > 0 and len(single) == len(NAMES)


@pytest.fixture(scope="module")
def floors(tmp_path_factory: pytest.TempPathFactory, cache_of_the_session: Path) -> Path:
    """A run's results on demo-tiny."""
    return run_two_floors(tmp_path_factory.mktemp("run") / "out", cache_of_the_session, 25, ("ridge",))


def test_a_runs_own_predictions_score_as_the_run_did(floors: Path, tmp_path: Path, quick: None):
    out = floors
    store, theirs, wanted = RunStore(out), tmp_path / "theirs", {}
    theirs.mkdir()
    for record in store.records()[0]:
        if record.row.method != "ridge":
            continue
        (truth,) = store.load_truths(record).values()
        frame = pd.DataFrame(
            store.load_predictions(record.key)[truth.slide], index=truth.spot_ids, columns=record.panel_genes
        )
        frame.to_csv(theirs / f"{truth.slide}.csv", float_format="%.9g")
        wanted[truth.slide] = json.loads(json.dumps(record.to_plain()))["slides"][0]
    panel = ("--genes", "highest", "--n-genes", 25)
    outcome = stbench(
        "score", theirs, "--dataset", "demo-tiny", "--name", "theirs", "--out", out, *panel, "--json"
    )
    row = row_of(outcome, "theirs")
    found = [r["slides"][0] for r in records(out).values() if r["row"]["method"] == "theirs"]
    assert {slide["slide"]: slide for slide in found} == wanted
    (table,) = outcome.document["tables"]
    ridge = next(row for row in table["rows"] if row["label"] == "ridge")
    for name in ("pcc", "pcc_null", "pcc_equal_depth", "rmse", "structure"):
        assert row[name] == ridge[name]
    assert row["encoder"] is None and table["encoder"].startswith("efficientnet_lite0@")


def broken(frames: Frames, name: str, change: Callable[[pd.DataFrame], pd.DataFrame]) -> Frames:
    return {**frames, name: change(frames[name])}


def with_nan(frame: pd.DataFrame) -> pd.DataFrame:
    frame = frame.copy()
    frame.iloc[3, 2] = np.nan
    return frame


def with_a_word(frame: pd.DataFrame) -> pd.DataFrame:
    frame = frame.astype(object)
    frame.iloc[0, 0] = "high"
    return frame


BAD = {
    "unknown gene": (lambda f: f.rename(columns={"GENE4": "GENE_4"}), (), ("GENE_4", "near: GENE4")),
    "unknown spot": (lambda f: f.rename(index={"2x2": "2_2"}), (), ("'2_2'", "slide B1", "1 spots")),
    "no spot in common": (
        lambda f: f.set_axis([f"s{i}" for i in range(25)]),
        (),
        ("no spot in common", "'2x2'"),
    ),
    "NaN": (with_nan, (), ("NaN", "2x5", "GENE2")),
    "another panel": (lambda f: f[["GENE0", "GENE1", "GENE2"]], (), ("of the 20 genes", "another panel")),
    "repeated spot": (lambda f: pd.concat([f, f.iloc[:1]]), (), ("spot 2x2 twice",)),
    "text for a number": (with_a_word, (), ("high",)),
    "cpm called log": (np.expm1, (), ("ln(1 + CPM)", "--scale-of")),
    "negative counts": (lambda f: -f, ("--scale-of", "counts"), ("negative",)),
    "a scale that there is not": (lambda f: f, ("--scale-of", "ln"), ("ln", "log")),
    "a method's own name": (lambda f: f, ("--name", "smooth"), ("smooth", "give yours another")),
    "more seeds than folders": (lambda f: f, ("--seeds", "0,1"), ("2 seeds", "1 files")),
}


@pytest.mark.parametrize("what", BAD)
def test_what_does_not_fit_is_one_sentence_and_nothing_is_written(
    what: str, data: Path, place: Path, tmp_path: Path, quick: None
):
    change, arguments, words = BAD[what]
    write(place, broken(truth_of(data), "B1", change))
    name = () if "--name" in arguments else ("--name", "theirs")
    outcome = score(data, tmp_path / "out", place, *name, *arguments)
    refused(outcome, tmp_path / "out", *words)


def refused(outcome: Outcome, out: Path, *words: str) -> None:
    lines = outcome.err.strip().splitlines()
    assert outcome.status == 2, outcome.err
    assert sum(line.startswith("stbench: ") for line in lines) == 1
    assert "bug" not in lines[-1] and all(word in lines[-1] for word in words), lines[-1]
    assert records(out) == {} and leftovers(out) == []


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (None, ("not there",)),
        ("README.md", ("holds no .csv",)),
        ("Z9.csv", ("Z9", "slide")),
        ("B1.csv.gz", ("cannot be read", "B1.csv.gz")),
    ],
)
def test_a_place_without_predictions_says_so(
    file: str | None, words: tuple[str, ...], data: Path, place: Path, tmp_path: Path, quick: None
):
    if file:
        place.mkdir()
        (place / file).write_text("not,a,table\n")
    refused(score(data, tmp_path / "out", place, "--name", "theirs"), tmp_path / "out", *words)
