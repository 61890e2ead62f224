"""A page as large as they come: 17 methods, 36 slides of 8 patients, 785 genes."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest
from reporting.report.synthetic_run import Size, make_run, report_of

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium")
MOST_BYTES, MOST_SECONDS = 15e6, 3.0


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on this machine")
def test_a_large_page_stays_small_and_opens_quickly(tmp_path: Path):
    make_run(
        tmp_path / "runs", Size(n_methods=17, n_patients=8, n_slides_each=(4, 5), n_genes=785, n_spots=378)
    )
    page = report_of(tmp_path / "runs", tmp_path / "page").page
    assert page.stat().st_size < MOST_BYTES
    seconds = [_seconds_to_open(page) for _ in range(3)]
    print(f"{page.stat().st_size / 1e6:.1f} MB, opened in", *(f"{one:.2f} s" for one in seconds))
    assert min(seconds) < MOST_SECONDS


def _seconds_to_open(page_file: Path) -> float:
    """Until everything is loaded and the first figure is drawn, in a browser that has not seen the page."""
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        start = time.perf_counter()
        page.goto(page_file.as_uri(), wait_until="load")
        # A figure is drawn when it comes near the screen.
        page.locator("#t0-slides").scroll_into_view_if_needed()
        page.locator("#t0-slides .main-svg").first.wait_for()
        seconds = time.perf_counter() - start
        browser.close()
    return seconds
