"""Slides, patients, genes, methods and notes that mean something to a terminal, a sheet, a page or a file system.

From the run to the report everything works, and what comes out is read by programs that know nothing of stbench.
"""

from __future__ import annotations

import csv
import functools
import io
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from plugins.command import Outcome, stbench
from plugins.hostile import DATASET, FAILING, GENES, NOTED, SLIDES, write_plugins

STEERING = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
OPTIONS = ("--inner", "none", "--genes", "highest", "--n-genes", "20", "--split", "patient")
PREDICTED = (NOTED, "mean")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, few_starts: None) -> Iterator[tuple[Path, Path, Outcome]]:
    """The results folder, the slides' folder, and what the run printed."""
    import stbench.datasets
    import stbench.methods
    from stbench import registry
    from stbench.reporting.mlflow.tracking import MlflowTracker

    folder = tmp_path_factory.mktemp("hostile")
    datasets, methods, slides = write_plugins(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STBENCH_CACHE", str(folder / "cache"))
        patch.setattr(stbench.datasets, "__path__", [*stbench.datasets.__path__, str(datasets)])
        patch.setattr(stbench.methods, "__path__", [*stbench.methods.__path__, str(methods)])
        patch.setattr(registry, "plugins", functools.cache(registry.plugins.__wrapped__))
        patch.setattr(registry, "floor_methods", lambda: ["mean"])
        patch.setattr(MlflowTracker, "log", lambda *_: None)
        where = ("--dataset", DATASET, "--data-root", slides, "--out", folder / "out")
        ran = stbench_("run", "--method", f"{NOTED},{FAILING}", *where, *OPTIONS)
        yield folder / "out", slides, ran


def stbench_(*arguments: object) -> Outcome:
    """Run a command; nothing that it prints steers a terminal."""
    found = stbench(*arguments)
    assert not STEERING.findall(found.out + found.err)
    return found


def board(out: Path, format: str) -> str:
    found = stbench_("leaderboard", "--out", out, "--format", format, "--reference", "mean")
    assert found.status == 0, found.err
    return found.out


def test_the_run_shows_names_as_they_are_and_cuts_what_has_no_end(world):
    _, _, ran = world
    assert ran.status == 1, "one of the methods fails"
    assert NOTED in ran.out and FAILING in ran.out and "[bold]$\\alpha$[/bold] | <b>b</b>" in ran.out
    assert max(map(len, (ran.out + ran.err).splitlines())) < 2_200
    assert ran.err.count("failed: RuntimeError") == 3


def test_the_table_of_a_terminal_keeps_its_numbers(world):
    shown = stbench_("leaderboard", "--out", world[0])
    assert shown.status == 0 and "PCC" in shown.out and re.search(r"mean +floor +0\.000", shown.out)


def test_no_cell_of_a_sheet_is_a_formula(world):
    lines = list(csv.DictReader(io.StringIO(board(world[0], "csv"))))
    assert [line["method"] for line in lines] == [f"'{NOTED}", "mean", FAILING, "ceiling"]
    numbers = 0
    for cell in (cell for line in lines for cell in line.values()):
        try:
            float(cell)
            numbers += 1
        except ValueError:
            assert not cell.startswith(("=", "+", "-", "@"))
    assert numbers > 50, "numbers stay numbers"


def test_markdown_shows_tables_of_equal_rows_and_no_markup_of_others(world):
    text = board(world[0], "md")
    unescaped = re.compile(r"(?<!\\)(?:\\\\)*\|")
    blocks = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
    assert len(blocks) in (2, 4), "the leaderboard, and the tests by each score that there is"
    for block in blocks:
        assert len({len(unescaped.findall(line)) for line in block}) == 1
    shown = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(text)
    assert (
        not re.findall(r"<(?:i|b|a|img|code|em|s|script)\b", shown)
        and shown.count("<strong>") == len(blocks) - 1
    )


def test_latex_escapes_all_that_it_would_read(world):
    text = board(world[0], "latex")
    rows = [line for line in text.splitlines() if line.endswith(r"\\") and "&" in line]
    assert len({len(re.findall(r"(?<!\\)&", row)) for row in rows}) == 1
    plain = re.sub(r"\\[\\{}$&#^_~%]", "", text.partition("\n")[2])
    assert not re.findall(r"[$#^~]", plain) and plain.count("{") == plain.count("}")
    assert "\\$1\\$" in text and "\N{REPLACEMENT CHARACTER}" not in text


class Page(HTMLParser):
    """The elements of a page with their attributes, and the text of each kind of element."""

    def __init__(self, text: str):
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self._open = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._open = tag

    def handle_endtag(self, tag: str) -> None:
        self._open = ""

    def handle_data(self, data: str) -> None:
        self.texts.setdefault(self._open, []).append(data)

    def check(self) -> None:
        """No element, address or listener that a name has brought in."""
        for tag, attributes in self.elements:
            assert tag not in ("i", "iframe", "form", "object")
            assert not [name for name in attributes if name.startswith("on")]
            assert (attributes.get("href") or "#").startswith(("#", "data:"))
            assert (attributes.get("src") or "data:").startswith("data:")


def test_the_html_table_holds_no_element_of_others(world):
    page = Page(board(world[0], "html"))
    page.check()
    assert not {tag for tag, _ in page.elements} & {"img", "a", "script"}
    assert all(re.fullmatch(r"-?[\d.]+", words) for words in page.texts["b"]), "only numbers are bold"


def test_json_has_every_name_exactly(world):
    found = stbench("leaderboard", "--out", world[0], "--json")
    assert not STEERING.findall(found.out)
    (table,) = found.document["tables"]
    assert table["slides"] == list(SLIDES) and table["dataset"] == DATASET
    patients = {slide["slide"]: slide["patient"] for slide in table["rows"][0]["slides"]}
    assert patients == SLIDES


def test_two_methods_are_compared_and_drawn(world, tmp_path):
    compared = stbench_(
        "compare", *PREDICTED, "--dataset", DATASET, "--out", world[0], "--to", tmp_path / "a"
    )
    assert compared.status == 0 and "a|b" in compared.out and "a<b" in compared.out
    files = list((tmp_path / "a").iterdir())
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+", file.name) for file in files)
    assert sorted(file.suffix for file in files) == [".png", ".svg"] and list(tmp_path.iterdir()) == [
        tmp_path / "a"
    ]


def test_the_report_is_a_page_with_a_figure_for_each_slide(world, tmp_path):
    written = stbench_("report", "--out", world[0], "--to", tmp_path / "page", "--reference", "mean")
    assert written.status == 0, written.err
    assert {path.name for path in (tmp_path / "page").iterdir()} == {"index.html", "figures"}
    maps = {path.name.partition("-map-")[2] for path in (tmp_path / "page" / "figures").glob("*-map-*.svg")}
    assert len(maps) == len(SLIDES), "the two whose names look the same to a file system keep one each"
    text = (tmp_path / "page" / "index.html").read_text(encoding="utf-8")
    page = Page(text)
    page.check()
    shown = "".join(
        words for kind, found in page.texts.items() if kind not in ("script", "style") for words in found
    )
    assert NOTED in shown and not STEERING.findall(shown)
    told = json.loads(re.findall(r'<script type="application/json" id="t0-tissue">(.*?)</script>', text)[0])
    assert {sheet["slide"] for sheet in told["slides"]} == set(SLIDES)
    assert {gene["gene"] for sheet in told["slides"] for gene in sheet["genes"]} & set(GENES)
    scripts = [attributes for tag, attributes in page.elements if tag == "script"]
    assert len([one for one in scripts if one.get("type") is None]) == 3, "theme, plotly and the page's own"
    drawn = "".join(path.read_text() for path in (tmp_path / "page" / "figures").glob("*.svg"))
    assert "<script" not in drawn


def test_a_bundle_verifies(world, tmp_path):
    assert stbench_("bundle", "--out", world[0], "--to", tmp_path / "b.zip", "--with-truth").status == 0
    verified = stbench_("verify", tmp_path / "b.zip")
    assert verified.status == 0 and verified.out.startswith("6 of 6 Records follow from")


def test_every_slide_is_checked_and_drawn(world, tmp_path):
    checked = stbench_("datasets", "check", DATASET, "--data-root", world[1], "--to", tmp_path / "checks")
    assert checked.status == 0 and checked.out.count("PASS") == len(SLIDES)
    assert len(list((tmp_path / "checks").glob("*.png"))) == len(SLIDES)
    assert list(tmp_path.iterdir()) == [tmp_path / "checks"], "no picture lies outside its folder"


def test_cards_are_shown_as_they_are(world):
    for arguments in (("methods",), ("methods", NOTED), ("datasets",), ("datasets", "show", DATASET)):
        shown = stbench_(*arguments)
        assert shown.status == 0 and "[bold]$\\alpha$[/bold]" in shown.out


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["A1", " "], "has a slide without a name"),
        (["A1", "A1"], "has 2 slides named 'A1'"),
        (["A1", "B\0"], "holds a NUL character; rename it"),
        (["A1", "B\udcff"], "holds bytes that are no text; rename it"),
    ],
)
def test_names_that_cannot_be_stored_are_one_sentence(world, tmp_path, monkeypatch, names, words):
    from plugins.hostile import HostileSlides

    from stbench.contract import SlideSource

    sources = [SlideSource(name, "P", {}, lambda: None) for name in names]
    monkeypatch.setattr(HostileSlides, "slides", lambda *_: sources)
    options = ("--dataset", DATASET, "--data-root", world[1], "--out", tmp_path)
    refused = stbench_("run", "--method", "mean", *options)
    reading, sentence = refused.err.splitlines()
    assert refused.status == 2 and words in sentence and reading.startswith("Reading ")
