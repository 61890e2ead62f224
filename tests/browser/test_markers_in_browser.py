"""Marker genes on the report's page in a real browser: chosen first in the maps, on top of the list of genes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser.visiting import Visit
from reporting.record_factory import TABLE
from reporting.report.synthetic_run import Size, figures_not_drawn, make_run

from stbench.reporting.report import write_report
from stbench.reporting.results.store import RunStore
from stbench.reporting.tables.leaderboard import build_tables

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium")
MARKERS = ("GENE007", "NOWHERE", "GENE003")

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on this machine")


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    make_run(folder / "runs", Size(n_methods=2))
    records, _ = RunStore(folder / "runs").records()
    markers = {TABLE.dataset: MARKERS}
    tables = build_tables(records)
    with figures_not_drawn():
        return write_report([("runs", folder / "runs")], tables, [], folder / "page", markers=markers).page


@pytest.fixture
def visit(page_file: Path) -> Iterator[Visit]:
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        visit = Visit(browser, page_file)
        yield visit
        assert visit.complaints == [] and visit.asked_for == []
        browser.close()


def test_markers_stand_first_however_the_genes_are_sorted(visit: Visit):
    section = visit.page.locator("#t0-genes")
    section.scroll_into_view_if_needed()
    section.locator(".gene-figure .main-svg").first.wait_for()
    headings = visit.page.locator("#t0-genes-grid thead th")
    for column in (0, 2, 2, 6):  # gene, PCC both ways, detection
        headings.nth(column).get_by_role("button").click()
        first, second, *others = visit.column("t0-genes-grid", 1)
        assert sorted(map(str.split, (first, second))) == [
            ["GENE003", "marker"],
            ["GENE007", "marker"],
        ]
        assert len(others) == 18 and not any("marker" in gene for gene in others)
    scores = [float(text.removeprefix("✓ ")) for text in visit.column("t0-genes-grid", 7)[2:]]
    assert scores == sorted(scores, reverse=True)


def test_maps_begin_with_a_marker(visit: Visit):
    section = visit.page.locator("#t0-maps")
    section.scroll_into_view_if_needed()
    section.locator(".map-figure .main-svg").first.wait_for()
    assert section.locator(".map-gene option").all_text_contents()[:2] == ["GENE007", "GENE003"]
    assert "GENE007 (marker gene)" in section.locator(".map-told").text_content()
    assert "NOWHERE is not on the gene panel" in section.text_content()
