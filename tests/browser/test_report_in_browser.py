"""The report's page in a real browser: it opens from disk, asks for nothing, and does what its controls promise."""

from __future__ import annotations

import csv
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from browser.visiting import Visit
from reporting.record_factory import TABLE
from reporting.report.synthetic_run import Size, figures_not_drawn, make_run, report_of

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium")
PICTURES = Path(__file__).resolve().parents[2] / "test-artifacts"

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on this machine")


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with two tables: both splits of the same methods."""
    folder = tmp_path_factory.mktemp("report")
    make_run(folder / "runs", Size(n_methods=4), replace(TABLE, split="patient"))
    make_run(folder / "runs", Size(n_methods=3))
    with figures_not_drawn():
        return report_of(folder / "runs", folder / "page").page


@pytest.fixture(scope="module")
def browser() -> Iterator:
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def visit(browser, page_file) -> Iterator[Visit]:
    visit = Visit(browser, page_file)
    yield visit
    assert visit.complaints == [] and visit.asked_for == []
    visit.page.close()


def test_headings_sort_both_ways_and_say_so(visit):
    heading = visit.page.locator("#t0-leaderboard-grid thead th", has_text="PCC").first
    assert heading.get_attribute("aria-sort") == "none"
    heading.get_by_role("button").click()
    *values, ceiling = [float(text) for text in visit.column("t0-leaderboard-grid", 4)]
    assert heading.get_attribute("aria-sort") == "descending" and values == sorted(values, reverse=True)
    heading.get_by_role("button").click()
    assert heading.get_attribute("aria-sort") == "ascending"
    assert [float(text) for text in visit.column("t0-leaderboard-grid", 4)] == [*sorted(values), ceiling]


def test_headings_sort_by_keyboard(visit):
    button = visit.page.locator("#t0-leaderboard-grid thead th", has_text="method").get_by_role("button")
    button.focus()
    visit.page.keyboard.press("Enter")
    *names, last = visit.column("t0-leaderboard-grid", 2)
    assert names == sorted(names) and last == "ceiling"
    assert button.evaluate("element => getComputedStyle(element).outlineStyle") != "none"


def test_missing_values_stand_last_in_both_directions(visit):
    heading = visit.page.locator("#t0-leaderboard-grid thead th", has_text="PCC given depth").get_by_role(
        "button"
    )
    for _ in range(2):
        heading.click()
        assert visit.column("t0-leaderboard-grid", 2)[-1] == "ceiling"


def test_rows_can_be_searched_and_filtered_by_kind(visit):
    page = visit.page
    page.locator("#t0-leaderboard-grid").get_by_label("Search").fill("method02")
    assert visit.column("t0-leaderboard-grid", 2) == ["method02 (published settings)"]
    assert page.locator("#t0-leaderboard-grid .grid-count").inner_text() == "1 of 5 rows"
    page.locator("#t0-leaderboard-grid").get_by_label("Search").fill("")
    page.locator("#t0-leaderboard-grid").get_by_role("button", name="floor").click()
    assert visit.column("t0-leaderboard-grid", 2) == ["ridge"]
    page.locator("#t0-leaderboard-grid").get_by_role("button", name="all", exact=True).click()
    assert len(visit.column("t0-leaderboard-grid", 2)) == 5


def test_all_columns_can_be_shown(visit):
    heading = visit.page.locator("#t0-leaderboard-grid thead th", has_text="parameters")
    assert not heading.is_visible()
    visit.page.get_by_role("button", name="All columns").first.click()
    assert heading.is_visible()


def test_a_slide_and_a_gene_can_be_chosen_and_their_maps_appear(visit):
    section = visit.page.locator("#t0-maps")
    section.scroll_into_view_if_needed()
    section.locator(".map-slide").select_option(label="C1 (patient C)")
    genes = section.locator(".map-gene option").all_text_contents()
    assert len(genes) == len(set(genes)) == 12
    gene = genes[3]
    section.locator(".map-gene").select_option(label=gene)
    assert f"{gene} (" in section.locator(".map-told").inner_text()
    assert "slide C1 (patient C): measured and 4 predicted" in section.locator(".map-told").inner_text()
    assert "H&E measured" in " ".join(section.locator(".map-figure .annotation-text").all_text_contents())
    assert section.locator(".map-figure .point").count() >= 5 * 60
    assert section.locator(".map-figure image").count() == 6
    section.get_by_text("Methods shown").first.click()
    section.get_by_label("ridge").uncheck()
    assert "measured and 3 predicted" in section.locator(".map-told").inner_text()


def test_each_map_has_a_scale_of_its_own_until_one_is_wanted(visit):
    section = visit.page.locator("#t0-maps")
    section.scroll_into_view_if_needed()
    section.locator(".map-figure .point").first.wait_for()
    assert section.locator(".cbbg").count() == 0
    titles = section.locator(".map-figure .annotation-text").all_text_contents()
    assert all(re.search(r"-?\d+\.\d\d to -?\d+\.\d\d", title) for title in titles[1:])
    section.get_by_label("all maps on one scale").check()
    section.locator(".colorbar, .cbbg").first.wait_for(state="attached")
    assert "on one colour scale" in section.locator(".map-told").inner_text()


def test_a_table_is_saved_with_all_its_lines_and_columns(visit, tmp_path):
    grid = visit.page.locator("#t0-leaderboard-grid")
    with visit.page.expect_download() as waiting:
        grid.locator(".grid-csv").click()
    waiting.value.save_as(tmp_path / "table.csv")
    with (tmp_path / "table.csv").open(encoding="utf-8-sig", newline="") as file:
        lines = list(csv.reader(file))
    assert lines[0][:3] == ["#", "method", "kind"]
    assert {len(line) for line in lines} == {grid.locator("thead th").count()}
    assert len(lines) == 1 + grid.locator("tbody tr").count()


def test_the_first_screen_has_badges_the_picture_and_the_forest_plot(visit):
    first = visit.page.locator("#t0-leaderboard")
    assert "not audited" in first.locator(".badges").inner_text()
    assert first.locator(".first-picture").evaluate("picture => picture.naturalWidth") > 0
    first.locator("[data-figure=forest] .point").first.wait_for()


def test_an_address_in_another_table_shows_that_table_and_the_chooser_says_so(visit):
    page = visit.page
    page.evaluate("location.hash = '#t1-maps'")
    page.locator("article#t1").wait_for(state="visible")
    assert page.get_by_label("Table", exact=True).input_value() == "t1"
    assert not page.locator("article#t0").is_visible()


def test_paper_gets_every_figure_in_light_colours_and_no_search_box(visit):
    page = visit.page
    page.emulate_media(color_scheme="dark")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print", color_scheme="light")
    # A system that turns dark meanwhile changes nothing.
    page.emulate_media(media="print", color_scheme="dark")
    page.wait_for_function("matchMedia('(prefers-color-scheme: dark)').matches")
    blank = page.locator("article#t0 .figure:not(:has(svg, canvas))")
    assert page.locator("article#t0 .figure").count() > 5 and blank.count() == 0
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    assert page.locator("#t0-genes-grid tbody tr").count() > 0
    assert not page.locator("#t0-leaderboard-grid .grid-search").is_visible()
    widths = page.locator("article#t0 .figure svg.main-svg").evaluate_all(
        "all => all.map((svg) => svg.getBoundingClientRect().width)"
    )
    assert max(widths) <= 720  # what fits between the margins of A4
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_clusters_are_drawn_beside_the_annotation(visit):
    section = visit.page.locator("#t0-clusters")
    section.scroll_into_view_if_needed()
    section.locator(".legendtext").first.wait_for()
    assert section.locator(".legendtext").all_text_contents() == [
        "connective tissue",
        "immune infiltrate",
        "invasive cancer",
    ]
    titles = section.locator(".annotation-text").all_text_contents()
    assert titles[:2] == ["H&E", "annotation"] and any("ARI 0.20" in title for title in titles)


def test_genes_are_listed_for_the_chosen_method(visit):
    section = visit.page.locator("#t0-genes")
    section.scroll_into_view_if_needed()
    section.locator("tbody tr").first.wait_for()
    assert len(visit.column("t0-genes-grid", 1)) == 20
    before = visit.column("t0-genes-grid", 3)
    section.get_by_label("Method").select_option(label="ridge")
    assert visit.column("t0-genes-grid", 3) != before
    values = [float(text.removeprefix("✓ ")) for text in visit.column("t0-genes-grid", 3)]
    assert values == sorted(values, reverse=True)
    section.get_by_label("Search").fill("gene007")
    assert visit.column("t0-genes-grid", 1) == ["GENE007"]


def test_another_table_can_be_chosen(visit):
    choice = visit.page.get_by_label("Table", exact=True)
    choice.select_option(index=1)
    assert not visit.page.locator("#t0").is_visible() and visit.page.locator("#t1").is_visible()
    assert visit.page.url.endswith("#t1-leaderboard")  # what can be sent to somebody
    visit.page.locator("#t1-maps").scroll_into_view_if_needed()
    visit.page.locator("#t1-maps .map-figure .point").first.wait_for()


def test_light_and_dark_follow_the_system_until_chosen(browser, page_file):
    visit = Visit(browser, page_file, colours="dark")
    theme = visit.page.locator("html")
    assert theme.get_attribute("data-theme") == "dark"
    toggle = visit.page.get_by_role("button", name="Dark")
    assert toggle.get_attribute("aria-pressed") == "true"
    toggle.click()
    assert theme.get_attribute("data-theme") == "light" and toggle.get_attribute("aria-pressed") == "false"
    visit.page.close()


def figures_and_names_can_be_read(page) -> None:
    """No number below 10 px, in figures and pictures too, and no name that is cut off."""
    small = page.evaluate(
        """() => [...document.querySelectorAll('article:not([hidden]) *')].filter((one) => one.getClientRects().length
          && [...one.childNodes].some((node) => node.nodeType === 3 && /\\d/.test(node.textContent))
          && parseFloat(getComputedStyle(one).fontSize) < 10).map((one) => one.textContent)"""
    )
    assert small == []
    # A figure of letters that were drawn at 8 points, 10.7 px, is not made smaller.
    pictures = page.locator("img.paper:visible")
    assert pictures.count() > 0
    assert all(pictures.evaluate_all("all => all.map((one) => one.width >= one.naturalWidth)"))
    names = page.locator("article:visible tbody th:visible")
    assert names.count() > 5
    assert all(names.evaluate_all("all => all.map((one) => one.scrollWidth <= one.clientWidth)"))


# The relative luminance of a colour as WCAG defines it, and each mark's contrast to the section behind it.
CONTRASTS = """() => {
  const linear = (v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = (colour) => {
    const [r, g, b] = colour.match(/[\\d.]+/g).slice(0, 3).map((v) => linear(v / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const paper = light(getComputedStyle(document.querySelector('#t0-leaderboard')).backgroundColor);
  return [...document.querySelectorAll('#t0-leaderboard .points path.point')].map((mark) => {
    const style = getComputedStyle(mark), ink = light(style.fill === 'none' ? style.stroke : style.fill);
    return (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
  });
}"""


def marks_stand_out(page) -> None:
    """Every mark of the forest plot has a contrast of 3 or more to the page (WCAG 1.4.11)."""
    contrasts = page.evaluate(CONTRASTS)
    assert len(contrasts) > 3 and min(contrasts) >= 3


@pytest.mark.parametrize(("width", "colours"), [(1280, "light"), (1280, "dark"), (390, "dark")])
def test_nothing_is_wider_than_the_screen(browser, page_file, width, colours):
    visit = Visit(browser, page_file, width, colours)
    visit.scroll_through()
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
    assert visit.complaints == [] and visit.asked_for == []
    check = {390: figures_and_names_can_be_read, 1280: marks_stand_out}[width]
    check(visit.page)
    PICTURES.mkdir(exist_ok=True)
    visit.page.screenshot(path=PICTURES / f"report-{width}-{colours}.png", full_page=True)
    visit.page.close()
