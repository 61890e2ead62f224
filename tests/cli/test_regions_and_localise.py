"""`stbench regions` and `stbench localise`: tables from stored arrays alone, formats, and one sentence where not."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from pathlib import Path

import pytest
from plugins.command import run_two_floors, stbench
from reporting.regions.annotated_run import TUMOUR, make_truth, measured, noise, regions_alone, write_run
from reporting.report.synthetic_run import figures_not_drawn

from stbench.reporting.results.store import RunStore

pytestmark = pytest.mark.usefixtures("few_starts")


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    truths = {name: make_truth(name) for name in ("S1", "S2", "S3")}
    methods = {"right": measured, "knows": regions_alone, "noise": noise}
    return write_run(tmp_path_factory.mktemp("annotated"), truths, methods)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory, cache_of_the_session: Path) -> Path:
    """Results on demo-tiny."""
    return run_two_floors(tmp_path_factory.mktemp("tiny"), cache_of_the_session, n_genes=20)


def told(command: str, results: Path, *more: object, dataset: str = "her2"):
    found = stbench(command, "--dataset", dataset, "--out", results, *more)
    assert found.status == 0, found.err
    return found


def test_regions_stand_beside_the_whole_slide(results):
    (table,) = told("regions", results, "--json").document["tables"]
    rows = {row["method"]: row for row in table["rows"]}
    assert rows["knows"]["whole"]["pcc"] > 0.25 and rows["knows"]["mean_over_regions"]["pcc"] == 0
    assert rows["right"]["regions"][TUMOUR] | {"pcc_null": None} == pytest.approx(
        {"pcc": 1, "pcc_null": None, "pcc_given_depth": 1, "slides": 3, "patients": 2, "spots": 126}
        | {"pcc_equal_depth": rows["right"]["regions"][TUMOUR]["pcc_equal_depth"]}
    )
    assert (table["n_scored"], table["n_unlabelled"], table["min_spots"]) == (270, 18, 30)


def test_formats_say_the_same(results):
    lines = list(csv.DictReader(io.StringIO(told("regions", results, "--format", "csv").out)))
    assert {line["part"] for line in lines} == {"whole", "mean", "region"} and len(lines) == 3 * 4
    right = next(line for line in lines if (line["method"], line["part"]) == ("right", "mean"))
    assert float(right["pcc"]) == pytest.approx(1)
    shown, markdown = (told("regions", results, *more).out for more in ((), ("--format", "md")))
    for text in (shown, markdown):
        assert "inside" in text and "stroma" in text and "18 of 270 scored spots have no label" in text
    lines = list(csv.DictReader(io.StringIO(told("localise", results, "--format", "csv").out)))
    assert {line["probe_fitted_on"] for line in lines if line["slide"] == "S1"} == {"S2 S3"}
    assert "| chance |" in told("localise", results, "--format", "md").out


@pytest.mark.parametrize("command", ["regions", "localise"])
def test_at_80_columns_every_number_is_whole_and_untuned_twins_are_left_out_and_counted(
    command, tmp_path, monkeypatch
):
    for name, value in (("FORCE_COLOR", "1"), ("NO_COLOR", "1"), ("TERM", "xterm"), ("COLUMNS", "80")):
        monkeypatch.setenv(name, value)
    truths = {name: make_truth(name) for name in ("S1", "S2", "S3")}
    write_run(tmp_path, truths, {"smooth": measured, "an unusually long name of a method": noise})
    store = RunStore(tmp_path)
    for record in (record for record in store.records()[0] if record.row.method == "smooth"):
        arrays = {"predictions": store.load_predictions(record.key), "truths": store.load_truths(record)}
        twin = replace(
            record, row=replace(record.row, variant="untuned"), key=f"{int(record.key, 16) ^ 1:016x}"
        )
        store.save(replace(twin, training=store.load_training(record.key), **arrays))
    lines = re.sub("\x1b\\[[0-9;]*m", "", told(command, tmp_path).out).splitlines()
    assert max(map(len, lines)) <= 80 and not any("…" in line for line in lines)
    assert not any("untuned)" in line for line in lines)
    assert "1 untuned twin of floors left out." in " ".join(lines)
    (table,) = told(command, tmp_path, "--json").document["tables"]
    for row in table["rows"]:
        score = row["whole"]["pcc"] if command == "regions" else row["auroc"]["value"]
        assert any(f"{score:.3f}" in line for line in lines)
    assert any("untuned" in str(row) for row in table["rows"])


def test_the_tumour_is_found_by_measured_expression_and_what_knows_it(results, monkeypatch, tmp_path):
    monkeypatch.setenv("STBENCH_DATA", str(tmp_path))
    (table,) = told("localise", results, "--json").document["tables"]
    found = {row["values"]: row["auroc"]["value"] for row in table["rows"]}
    assert found["knows"] == 1 and found["right"] == found["measured expression"] > 0.95
    assert table["tumour"] == [TUMOUR] and table["why_no_embeddings"]
    shown = told("localise", results, "--tumour", TUMOUR).out
    assert "chance" in shown and "No row of embeddings" in shown


def test_embeddings_are_taken_from_the_cache(tiny, shared_cache):
    (table,) = told("localise", tiny, "--json", dataset="demo-tiny").document["tables"]
    row = next(row for row in table["rows"] if row["values"].startswith("embeddings of "))
    assert len(row["slides"]) == 4 and row["auroc"]["value"] > 0.6 and table["why_no_embeddings"] == ""


def test_the_report_has_both(results, tmp_path):
    with figures_not_drawn():
        assert stbench("report", "--out", results, "--to", tmp_path).status == 0
    page = (tmp_path / "index.html").read_text()
    assert "Inside annotated regions" in page and "Where is the tumour?" in page
    assert page.count("measured expression") >= 4 and 'href="#t0-regions"' in page


@pytest.mark.parametrize(
    ("command", "more", "said"),
    [
        ("regions", ("--min-spots", 10), "--min-spots must be at least 20"),
        ("regions", ("--min-spots", 60), "the largest has 42; name fewer"),
        ("regions", ("--format", "xml"), "--format xml is not one of md, csv, json"),
        ("localise", ("--tumour", "tumour"), "no label on these slides named 'tumour'"),
        ("localise", ("--tumour", "cancer,stroma"), "S1: tumour alone"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(results, command, more, said):
    found = stbench(command, "--dataset", "her2", "--out", results, *more)
    assert found.status == 2 and said in found.err and found.err.count("\n") == 1 and not found.out


def test_results_that_are_not_there_are_one_sentence(results, tmp_path):
    for command in ("regions", "localise"):
        nothing = stbench(command, "--dataset", "her2", "--out", tmp_path / "none")
        assert nothing.status == 2 and "There are no Records under" in nothing.err
        other = stbench(command, "--dataset", "cscc", "--out", results)
        assert other.status == 2 and "no results of cscc under" in other.err and "but of her2" in other.err
        assert f"stbench run --method ridge --dataset cscc --out {results}" in other.err


def test_the_only_data_set_with_results_need_not_be_named(results):
    found = stbench("regions", "--out", results, "--json")
    assert found.status == 0 and found.document["tables"][0]["dataset"] == "her2"
    assert "Data set her2" in found.err


def test_regions_of_tiny_slides_are_too_small(tiny):
    found = stbench("regions", "--dataset", "demo-tiny", "--out", tiny)
    assert found.status == 2 and "and a score needs 20" in found.err
