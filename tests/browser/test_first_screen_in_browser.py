"""What a reader sees before scrolling, by mouse and by finger: whole names, bare marks, what to conclude."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser.visiting import Visit
from reporting.report.synthetic_run import Size, figures_not_drawn, make_run, report_of

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium")
LONG = "spahgc (published settings, 200 epochs)"
SCREENS = pytest.mark.parametrize(("width", "touch"), [(1280, False), (390, True)])

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on this machine")

# Tool bars that anything drawn or a legend lies under.
COVERING = """() => [...document.querySelectorAll('article:not([hidden]) .js-plotly-plot')].filter((figure) => {
  const bar = figure.querySelector('.modebar-group')?.getBoundingClientRect();
  const beside = (box) =>
    box.left >= bar.right || box.right <= bar.left || box.top >= bar.bottom || box.bottom <= bar.top;
  const marks = [...figure.querySelectorAll('.points path, .heatmaplayer image, .legend')];
  return bar?.width && marks.some((mark) => !beside(mark.getBoundingClientRect()));
}).map((figure) => figure.dataset.figure ?? figure.className)"""
# Names at the axis of a figure, and whether they lie inside it.
NAMES_DRAWN = """(figure) => [...figure.querySelectorAll('.ytick text')].map((name) => {
  const box = name.getBoundingClientRect(), around = figure.getBoundingClientRect();
  const lines = [...name.querySelectorAll('tspan.line')].map((line) => line.textContent);
  return [lines.join(' ') || name.textContent, box.left >= around.left && box.right <= around.right];
})"""


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    make_run(
        folder / "runs", Size(n_methods=3, n_patients=2, n_slides_each=(2,), elsewhere=(LONG,), twin=True)
    )
    with figures_not_drawn():
        return report_of(folder / "runs", folder / "page", reference="ridge").page


@pytest.fixture(scope="module")
def browser() -> Iterator:
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@SCREENS
def test_no_tool_bar_lies_over_what_is_drawn(browser, page_file, width, touch):
    visit = Visit(browser, page_file, width, touch=touch)
    visit.scroll_through()
    figures = visit.page.locator("article:visible .js-plotly-plot")
    assert figures.count() > 5
    for place in range(figures.count()):
        figures.nth(place).scroll_into_view_if_needed()
        (figures.nth(place).tap if touch else figures.nth(place).hover)()
        assert visit.page.evaluate(COVERING) == []
    visit.page.close()


@SCREENS
def test_long_names_stand_whole_in_figures_and_tables(browser, page_file, width, touch):
    visit = Visit(browser, page_file, width, touch=touch)
    visit.scroll_through()
    for figure in ("forest", "slides", "correlations"):
        drawn = dict(visit.page.locator(f"[data-figure={figure}]").evaluate(NAMES_DRAWN))
        assert drawn[LONG] and all(drawn.values())
    name = visit.page.locator("#t0-leaderboard-grid tbody th", has_text="spahgc")
    assert name.inner_text().replace("\n", " ") == LONG
    names = visit.page.locator("article:visible tbody th:visible")
    assert all(names.evaluate_all("all => all.map((one) => one.scrollWidth <= one.clientWidth)"))
    assert not set(names.evaluate_all("all => all.map((one) => getComputedStyle(one).textOverflow)")) - {
        "clip"
    }
    visit.page.close()


def test_what_may_be_advised_stands_on_the_first_screen_once_and_above_the_forest(browser, page_file):
    visit = Visit(browser, page_file)
    first = visit.page.locator("#t0-leaderboard ul.advice li").first
    assert "no method may be called better than ridge" in first.inner_text()
    assert first.bounding_box()["y"] < visit.page.locator("[data-figure=forest]").bounding_box()["y"] < 900
    more = visit.page.locator("#t0-leaderboard details.advice")
    assert not more.locator("li").first.is_visible()
    more.locator("summary").click()
    assert more.locator("li").first.is_visible()
    assert visit.page.locator("#t0-tests").get_by_text(first.inner_text()).count() == 0
    visit.page.close()


def test_the_picture_is_large_and_leaves_the_forest_on_the_first_screen(browser, page_file):
    visit = Visit(browser, page_file)
    picture = visit.page.locator("#t0-leaderboard .first-picture").bounding_box()
    assert min(picture["width"], picture["height"]) > 200
    marks = visit.page.locator("[data-figure=forest] path.point")
    marks.first.wait_for()
    assert marks.first.bounding_box()["y"] < 850
    visit.page.close()


def test_an_untuned_twin_is_drawn_nowhere_and_stands_in_the_table_without_a_number(browser, page_file):
    visit = Visit(browser, page_file)
    visit.scroll_through()
    drawn = visit.page.locator("article:visible .figure").all_inner_texts()
    assert len(drawn) > 5 and not any("untuned" in words for words in drawn)
    assert "ridge (untuned)" in visit.page.locator("#t0-leaderboard").get_by_text("leave out").inner_text()
    assert visit.column("t0-leaderboard-grid", 1) == ["1", "2", "3", "4", ""]
    visit.page.locator("#t0-leaderboard-grid .grid-folded").click()
    places = dict(
        zip(visit.column("t0-leaderboard-grid", 2), visit.column("t0-leaderboard-grid", 1), strict=True)
    )
    assert places["ridge (untuned)"] == "" and places["ridge"] != ""
    visit.page.close()


@SCREENS
def test_a_caption_stands_whole_in_its_box_however_wide_the_table_is(browser, page_file, width, touch):
    visit = Visit(browser, page_file, width, touch=touch)
    box = visit.page.locator("#t0-tests-grid-1 .scroll")
    box.scroll_into_view_if_needed()
    words = box.locator("caption span")
    box.evaluate("box => box.scrollTo(9999, 0)")
    around, inside = box.bounding_box(), words.bounding_box()
    assert around["x"] <= inside["x"]
    assert inside["x"] + inside["width"] <= around["x"] + around["width"]
    visit.page.close()
