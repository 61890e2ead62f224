"""Figures and page with hostile names: no formula, no lost entry of a legend, nothing as wide as a name is long."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.cbook import is_math_text
from matplotlib.figure import Figure
from matplotlib.text import Text
from plugins.hostile import GENES, SLIDES, WORDS
from reporting.record_factory import TABLE, complete
from reporting.report.paper_rows import board

from stbench.reporting.report.figures import correlations, cost, ranks, slides
from stbench.reporting.report.figures.files import svg_text
from stbench.reporting.report.figures.look import as_text
from stbench.reporting.report.page import render
from stbench.reporting.report.sections.correlations import correlations_section
from stbench.reporting.report.sections.cost import cost_section
from stbench.reporting.report.sections.ranking import RankingSection, ranking_sections
from stbench.reporting.report.sections.slides import slides_section
from stbench.reporting.report.sections.split_gap import SplitGapSection
from stbench.reporting.tables.paired_figure import save_paired_figure
from stbench.reporting.tables.paired_view import paired_views

METHODS = ("$a_1$ [b]", "_hidden", "x" * 400, WORDS, "{a}{0}", "文字")


@pytest.fixture(scope="module")
def hostile():
    table = replace(TABLE, slides=tuple(SLIDES))
    by_slide = dict(zip(SLIDES, (0.1, 0.3, 0.2, 0.5), strict=True))
    return [
        record
        for place, method in enumerate(METHODS)
        for record in complete(
            method,
            {slide: score + place / 100 for slide, score in by_slide.items()},
            table=table,
            patients=SLIDES,
            cost={"fit_seconds": 1.0 + place, "parameters_total": 10},
        )
    ]


def texts(figure: Figure) -> list[str]:
    """Everything that is written in a figure, but the numbers at a logarithmic axis, which are formulas."""
    found = [text.get_text() for text in figure.findobj(Text) if isinstance(text, Text)]
    return [text for text in found if text and "mathdefault" not in text]


def check(figure: Figure) -> None:
    """Names are no formulas and take a bounded part of a figure that draws without a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        assert svg_text(figure, False).startswith("<?xml")
    assert not any(map(is_math_text, texts(figure)))
    assert max(map(len, texts(figure))) < 130 and max(figure.get_size_inches()) < 16


def printed(hostile) -> Iterable[Figure]:
    rows = board(*hostile)
    yield slides.printed(slides_section(rows))
    yield correlations.printed(correlations_section(rows))
    yield cost.printed(cost_section(rows).by_time, cost.TIME)
    section = ranking_sections(rows)[0]
    assert isinstance(section, RankingSection)
    apart = np.eye(len(section.labels)) * 0.5 + 0.5
    yield ranks.printed(replace(section, pairwise=apart))


@pytest.mark.parametrize("place", range(4))
def test_no_name_is_a_formula_or_endless(hostile, place):
    figure = list(printed(hostile))[place]
    check(figure)
    words = "\n".join(texts(figure)).replace(r"\$", "$")
    assert ("$x_1$" if place == 0 else "$a_1$ [b]") in words and "\x1b" not in words


def test_a_comparison_names_both_rows_in_its_legend(hostile, tmp_path, monkeypatch):
    drawn: list[Figure] = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, path, **_: (drawn.append(figure), path.touch()))
    (view,) = paired_views(hostile, "_hidden", "$a_1$ [b]", "her2")
    save_paired_figure(view, tmp_path / "a.png", False)
    (legend,) = [axis.get_legend() for axis in drawn[0].axes if axis.get_legend()]
    assert [text.get_text().strip() for text in legend.get_texts()] == ["_hidden", r"\$a_1\$ [b]"]


def test_a_comparison_on_generated_tissue_says_so(hostile, tmp_path):
    (view,) = paired_views(hostile, "_hidden", "$a_1$ [b]", "her2")
    for synthetic in (False, True):
        save_paired_figure(view, tmp_path / "a.svg", synthetic)
        assert ("<!-- SYNTHETIC tissue" in (tmp_path / "a.svg").read_text(encoding="utf-8")) == synthetic


@pytest.mark.parametrize("name", [*SLIDES, *GENES, *METHODS])
def test_plotly_reads_no_tag_in_a_name(name):
    shown = as_text(name)
    assert "<" not in shown and len(shown) < 130 and "\x1b" not in shown


def test_what_a_page_tells_steers_nothing():
    command = "stbench run --dataset '\x1b[31m\u202e<b>'"
    page = render([], SplitGapSection([], [command]), ["file \x9b1m <script>"])
    told = re.sub("<script.*?</script>", "", page, flags=re.DOTALL)
    assert not {"\x1b", "\x9b", "\u202e"} & set(told)
    assert "&lt;script&gt;" in told and "&lt;b&gt;" in told
