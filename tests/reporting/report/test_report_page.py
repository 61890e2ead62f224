"""The page as a file: what is in it, what it says where something is missing, and that it needs nothing beside it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from reporting.record_factory import PATIENTS, TABLE, complete, failed, make_record, with_arrays
from reporting.report.synthetic_run import Size, figures_not_drawn, make_run, report_of

from stbench.errors import UsageError
from stbench.reporting.report import Written, write_report
from stbench.reporting.results.store import RunStore
from stbench.reporting.tables.leaderboard import build_tables

PCC = {"B1": 0.1, "B2": 0.3, "C1": 0.4, "D1": 0.5, "D2": 0.7}


def saved(folder: Path, *records) -> Path:
    store = RunStore(folder)
    for record in records:
        store.save(record)
    return folder


def page_of(folder: Path, to: Path, **options) -> str:
    with figures_not_drawn():
        return report_of(folder, to, **options).page.read_text(encoding="utf-8")


def without_plotly(page: str) -> str:
    """The page without the library's own script."""
    return re.sub(r"<script>/\*\*\s*\* plotly\.js.*?</script>", "", page, flags=re.DOTALL)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    make_run(folder, Size())
    return folder


@pytest.fixture(scope="module")
def written(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Written:
    return report_of(run, tmp_path_factory.mktemp("report") / "page")


def test_the_page_and_its_figures_are_written(written):
    page = written.page.read_text(encoding="utf-8")
    assert written.page.name == "index.html" and written.problems == []
    names = {path.name for path in (written.page.parent / "figures").iterdir()}
    assert {Path(name).suffix for name in names} == {".png", ".svg"}
    for part in ("slides", "correlations", "time", "parameters", "ranks-PCC", "map-A1"):
        assert any(f"-{part}.png" in name for name in names) and any(f"-{part}.svg" in name for name in names)
    for sign in (
        "method02 (published settings)",
        "Critical-difference diagram by PCC",
        "may be trusted",
        "0123456789abcdef",
    ):
        assert sign in page


def test_nothing_is_fetched(written):
    page = without_plotly(written.page.read_text(encoding="utf-8"))
    assert len(page) < 2_000_000
    assert not re.findall(r'(?:src|href)="(?!#|data:)[^"]*"', page)
    assert "default-src 'none'" in page and "@import" not in page


def test_records_alone_give_a_page_that_says_what_is_missing(tmp_path):
    page = page_of(saved(tmp_path / "runs", *complete("ridge", PCC, kind="floor")), tmp_path / "page")
    assert page.count("came without predictions and truths") == 2
    assert 'id="t0-tissue"' not in page
    assert "at least 6 patients, and here are 3" in page
    assert "trust" not in without_plotly(page)


def test_a_row_with_missing_folds_is_shown_and_not_ranked(tmp_path):
    records = [*complete("ridge", PCC, kind="floor"), *complete("eggn", {**PCC})]
    records[-1] = failed(records[-1], "out of memory")
    page = page_of(saved(tmp_path / "runs", *records), tmp_path / "page")
    assert "eggn: 4 of 5 slides; 1 failed; not ranked" in page
    assert "eggn failed on D2: out of memory" in page
    unfinished = page_of(saved(tmp_path / "other", *records[:-1]), tmp_path / "second")
    assert "eggn: 4 of 5 slides; not ranked" in unfinished


def test_results_of_two_versions_of_the_protocol_stand_in_two_tables(tmp_path):
    older = complete(
        "ridge", PCC, kind="floor", table=replace(TABLE, protocol=0), finished_at="2025-01-01T00:00:00Z"
    )
    folder = saved(tmp_path / "runs", *complete("ridge", PCC, kind="floor"), *older)
    written = report_of(folder, tmp_path / "page")
    page = written.page.read_text(encoding="utf-8")
    assert written.n_tables == 2 and page.count("<article ") == 2
    assert "Versions of the protocol in this report: 0, 2." in page


def test_a_damaged_record_is_told_on_the_page(tmp_path):
    folder = saved(tmp_path / "runs", *complete("ridge", PCC, kind="floor"))
    (folder / "records" / "0123456789abcdef.json").write_text("{", encoding="utf-8")
    written = report_of(folder, tmp_path / "page")
    assert len(written.problems) == 1 and "0123456789abcdef.json is damaged" in written.problems[0]
    assert "1 stored file was left out" in written.page.read_text(encoding="utf-8")


def test_a_damaged_prediction_is_told_and_the_rest_is_drawn(tmp_path):
    records = [with_arrays(record) for record in complete("ridge", PCC, kind="floor")]
    folder = saved(tmp_path / "runs", *records)
    damaged = folder / "predictions" / f"{records[0].key}.npz"
    content = bytearray(damaged.read_bytes())
    content[-1] ^= 255
    damaged.write_bytes(bytes(content))
    written = report_of(folder, tmp_path / "page")
    assert len(written.problems) == 1 and damaged.name in written.problems[0]
    assert 'id="t0-tissue"' in written.page.read_text(encoding="utf-8")


def test_no_records_or_none_readable_is_one_sentence(tmp_path):
    with pytest.raises(UsageError, match=r"There are no Records under runs\. Run a method first"):
        report_of(tmp_path / "nothing", tmp_path / "page")
    (tmp_path / "runs" / "records").mkdir(parents=True)
    (tmp_path / "runs" / "records" / "0123456789abcdef.json").write_text("{", encoding="utf-8")
    with pytest.raises(UsageError, match="None of the 1 Records under runs can be read"):
        report_of(tmp_path / "runs", tmp_path / "page")
    assert not (tmp_path / "page").exists()


def test_a_gene_of_no_panel_is_refused_before_anything_is_written(tmp_path):
    folder = saved(tmp_path / "runs", *complete("ridge", PCC, kind="floor"))
    with pytest.raises(UsageError, match=r"--genes NOSUCH is in no gene panel .* such as ERBB2, FASN, GNAS"):
        report_of(folder, tmp_path / "page", genes=["NOSUCH"])
    assert not (tmp_path / "page").exists()


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "page").write_text("mine", encoding="utf-8")
    with pytest.raises(UsageError, match="is a file; name a folder"):
        report_of(saved(tmp_path / "runs", make_record("ridge", "B1")), tmp_path / "page")


def test_a_table_of_failures_only_still_gives_a_page(tmp_path):
    records = [failed(record, "no memory") for record in complete("eggn", PCC)]
    page = page_of(saved(tmp_path / "runs", *records), tmp_path / "page")
    assert "No fold of this table is finished" in page and "no memory" in page


def test_each_figure_of_generated_tissue_says_so_wherever_it_goes(run, written, tmp_path):
    tables = [replace(table, synthetic=True) for table in build_tables(RunStore(run).records()[0])]
    figures = write_report([("runs", run)], tables, [], tmp_path / "page").figures
    assert len(figures) == len(written.figures) and any("-map-" in path.name for path in figures)
    assert [path.name for path in figures if not says_synthetic(path)] == []
    assert [path.name for path in written.figures if says_synthetic(path)] == []
    for path in filter(lambda path: path.suffix == ".png", figures):  # a line more is drawn, nothing covered
        (real,) = (other for other in written.figures if other.name == path.name)
        with Image.open(path) as image, Image.open(real) as before:
            assert image.width == before.width and image.height == pytest.approx(before.height + 30, abs=1)


def says_synthetic(figure: Path) -> bool:
    """Whether a figure's file says so: an SVG where its letters are drawn, a PNG in what stands beside its pixels."""
    if figure.suffix == ".svg":
        return "<!-- SYNTHETIC tissue" in figure.read_text(encoding="utf-8")
    with Image.open(figure) as image:
        return "SYNTHETIC" in image.info.get("Description", "")


def test_names_are_shown_as_they_are(tmp_path):
    name = "<script>alert(1)</script>"
    records = complete("ridge", PCC, overrides=(("note", name),), kind="floor")
    page = page_of(saved(tmp_path / "runs", *records), tmp_path / "page")
    assert name not in page and "&lt;script&gt;alert(1)" in page


def test_the_same_results_give_the_same_page(run, written, tmp_path):
    again = report_of(run, tmp_path)
    for first, second in zip([written.page, *written.figures], [again.page, *again.figures], strict=True):
        assert first.name == second.name and first.read_bytes() == second.read_bytes()


def test_patients_that_are_not_stated_are_said_so(tmp_path):
    nobody = dict.fromkeys(PATIENTS)
    page = page_of(
        saved(tmp_path / "runs", *complete("ridge", PCC, kind="floor", patients=nobody)), tmp_path / "page"
    )
    assert "Patients are not stated" in page
