"""The READMEs as a code host shows them: nothing in them has to be scrolled sideways."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
markdown_it = pytest.importorskip(
    "markdown_it", reason="markdown-it-py, which comes with rich, is not installed"
)
CHROMIUM = shutil.which("chromium")
CHECKOUT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on this machine")

# As code hosts set it: wide tables and code scroll in boxes of their own, pictures shrink.
_STYLE = """
body { margin: 0; font: 16px/1.5 "Noto Sans", Helvetica, Arial, sans-serif; }
main { width: 1012px; box-sizing: border-box; padding: 0 32px; }
table { display: block; width: max-content; max-width: 100%; overflow: auto; border-collapse: collapse; }
th, td { padding: 6px 13px; border: 1px solid #d0d7de; }
pre { padding: 16px; overflow: auto; } code, pre { font: 85%/1.45 monospace; }
img { max-width: 100%; }
"""
_TOO_WIDE = """
() => [...document.querySelectorAll("main, table, pre")]
    .filter(e => e.scrollWidth > e.clientWidth).map(e => `${e.scrollWidth} px: ${e.innerText.slice(0, 80)}`)
"""


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "stbench/README.md",
        "datasets/README.md",
        "leaderboards/README.md",
        "methods/README.md",
        "stbench/commands/README.md",
    ],
)
def test_nothing_scrolls_sideways_at_1012_px(page: str, browser, tmp_path: Path):
    text = (
        markdown_it.MarkdownIt("commonmark")
        .enable("table")
        .render((CHECKOUT / page).read_text(encoding="utf-8"))
    )
    place = (CHECKOUT / page).parent.as_uri()
    file = tmp_path / "page.html"
    file.write_text(
        f"<meta charset=utf-8><base href='{place}/'><style>{_STYLE}</style><main>{text}</main>",
        encoding="utf-8",
    )
    visited = browser.new_page(viewport={"width": 1100, "height": 900})
    visited.goto(file.as_uri(), wait_until="load")
    assert visited.evaluate(_TOO_WIDE) == []
    if page == "README.md":
        lacking = "() => [...document.images].filter(i => !i.naturalWidth).map(i => i.src)"
        assert visited.evaluate(lacking) == []
    visited.close()
