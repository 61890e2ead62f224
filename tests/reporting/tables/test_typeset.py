"""LaTeX and HTML: marks where they belong, nothing unescaped, and a document that compiles."""

from __future__ import annotations

import shutil
import subprocess
from html.parser import HTMLParser

import pytest
from reporting.record_factory import complete, make_record

from stbench.reporting.tables.leaderboard import build_tables
from stbench.reporting.tables.typeset import to_html, to_latex

GOOD = {"B1": 0.1, "B2": 0.3, "C1": 0.6, "D1": 0.3, "D2": 0.5}


def shifted(by: float) -> dict[str, float]:
    return {slide: score - by for slide, score in GOOD.items()}


@pytest.fixture
def tables():
    return build_tables(
        [
            *complete("spahgc_x & 50 %", GOOD, scores={"rmse": 0.4}),
            *complete("ridge", shifted(0.1), kind="floor", scores={"rmse": 0.2}),
            *complete("mean", shifted(0.2), kind="floor", scores={"rmse": 0.3}),
            make_record("unfinished", "B1", 0.99, scores={"rmse": 0.01}),
        ]
    )


def test_the_best_is_bold_and_the_second_underlined(tables):
    text = to_latex(tables)
    assert r"\textbf{0.400}" in text and r"\underline{0.300}" in text
    assert text.count(r"\textbf{0.990}") == 0  # one slide of five takes no part
    assert r"\textbf{0.200}" in text  # of RMSE the lowest is the best
    assert r"spahgc\_x \& 50 \%" in text and r"\toprule" in text and "-0.169 to 0.782" in text


def test_rows_that_show_the_same_share_the_mark():
    tables = build_tables([*complete("a", GOOD), *complete("b", GOOD), *complete("c", shifted(0.1))])
    assert to_latex(tables).count(r"\textbf{0.400}") == 2


def test_the_same_tables_give_the_same_bytes(tables):
    assert to_latex(tables) == to_latex(tables) and to_html(tables) == to_html(tables)


def test_the_page_is_well_formed_and_needs_nothing_from_elsewhere(tables):
    class Reader(HTMLParser):
        open_tags: list[str] = []  # noqa: RUF012
        links: list[str] = []  # noqa: RUF012

        def handle_starttag(self, tag, attrs):
            if tag not in ("meta", "br", "col"):
                self.open_tags.append(tag)
            self.links += [value for name, value in attrs if name in ("src", "href")]

        def handle_endtag(self, tag):
            assert self.open_tags.pop() == tag

    reader, page = Reader(), to_html(tables)
    reader.feed(page)
    assert reader.open_tags == [] and reader.links == []
    assert "<b>0.400</b>" in page and "spahgc_x &amp; 50 %" in page


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_it_compiles(tables, tmp_path):
    document = (
        r"\documentclass{article}\usepackage{booktabs}\usepackage{caption}\usepackage[landscape]{geometry}"
        + "\\begin{document}\n"
        + to_latex(tables)
        + "\n\\end{document}\n"
    )
    (tmp_path / "table.tex").write_text(document, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "table.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
