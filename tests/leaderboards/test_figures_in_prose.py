"""No decimal number stands in a text by hand: results are generated, measured figures name what prints them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

CHECKOUT = Path(__file__).resolve().parents[2]
PAGES = [
    CHECKOUT / "README.md",
    CHECKOUT / "CONTRIBUTING.md",
    CHECKOUT / "CHANGELOG.md",
    CHECKOUT / "stbench" / "README.md",
    CHECKOUT / "stbench" / "commands" / "README.md",
    *(
        page
        for top in ("methods", "datasets", "leaderboards")
        for page in sorted((CHECKOUT / top).glob("*.md"))
    ),
    *(
        page
        for top in ("methods", "datasets", "leaderboards")
        for page in sorted((CHECKOUT / top).glob("*/README.md"))
    ),
]
CARDS = [card for top in ("methods", "datasets") for card in sorted((CHECKOUT / top).glob("*/card.yaml"))]
DECIMAL = re.compile(r"(?<![\w.])[-+−]?\d*\.\d+(?!\w|\.\d)")
SCORE = re.compile(r"\b(PCC|RMSE|MAE|ARI|[Cc]orrelat\w+|[Ss]kill|score[sd]?)\b")
CODE = re.compile(r"`[^`]+`")
COMMAND = re.compile(r"`(?:python tests/benchmarks/(?P<script>\w+\.py)|stbench (?P<command>[a-z-]+))[^`]*`")
# What may stand in a text by hand, and why: none of it was measured here.
ALLOWED = {
    r"arXiv \d{4}\.\d{5}|https?://\S+": "identifiers of publications",
    r"Python 3\.\d+(?: (?:to|and) 3\.\d+)?|torch 2\.\d+(?: and 2\.\d+)?|Landlock \(5\.13 or later": "versions",
    r"Apache-2\.0|Attribution-\w+(?:-\w+)? 4\.0 International": "names of licences",
    r"1\.7 GB in all instead of 6\.9": "sizes of installations, by counting bytes",
    r"\d+\.\d+ (?:um|kB)\b": "sizes, by counting bytes or by the maker's word",
    r"parameter count \(\d+\.\d+ M at \d+ genes\)": "the size of M2OST's network, by its paper",
    r"within 1\.5 spot pitches": "a setting: how far EGGN looks for neighbours",
    r"LeakyReLU\(0\.2\)|[Dd]ropout 0\.\d|momentum 0\.9|rate times 0\.9": "settings that the publications state",
    r"0 as released, 0\.1 in the grid": "a setting: M2OST's dropout of attention weights",
    r"(?:alpha|beta)=0\.\d": "names of ablations, as the SpaHGC paper prints them",
    r"within 0\.02 of 0": "a setting: from where on mclSTExp warns that its loss has collapsed",
}


def found(page: str) -> list[str]:
    """The sentences, table rows and list items of a page that hold a decimal number by hand."""
    return [passage for passage in passages(page) if is_by_hand(passage)]


def is_by_hand(passage: str) -> bool:
    """Whether a decimal number is left that neither is a constant nor names what prints it.

    A score needs a benchmark, which tests run; what `stbench run` gives belongs to the generated tables.
    """
    prose = CODE.sub(lambda code: code[0] if SCORE.search(code[0]) else "", passage)
    if not DECIMAL.search(re.sub("|".join(ALLOWED), "", prose)):
        return False
    commands = list(COMMAND.finditer(passage))
    return not (any(c["script"] for c in commands) if SCORE.search(passage) else commands)


def passages(page: str) -> Iterator[str]:
    """Sentences of paragraphs and list items, rows of tables; nothing generated, no code, no tables of settings."""
    page = re.sub(r"<!-- (results|costs|sklearn|torch) -->.*?<!-- /\1 -->", "", page, flags=re.DOTALL)
    page = re.sub(r"^```.*?^```$", "", page, flags=re.DOTALL | re.MULTILINE)
    for block in re.split(r"\n\s*\n", page):
        lines = block.strip().splitlines()
        if lines and lines[0].startswith("|"):
            is_settings = "`paper`" in lines[0] and "`released`" in lines[0]
            yield from () if is_settings else lines
            continue
        for item in re.split(r"\n(?=[-*#|]|\d+\.)", block.strip()):
            yield from re.split(r"(?<=[.!?])\s+(?=[A-Z`*(\[])", " ".join(item.split()))


def words_of(value: Any) -> Iterator[str]:
    """The texts in a card; its numbers are settings."""
    if isinstance(value, dict):
        value = value.values()
    if isinstance(value, str):
        yield value
    elif not isinstance(value, (int, float, type(None))):
        for part in value:
            yield from words_of(part)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_no_figure_stands_in_a_text_by_hand(page):
    assert found(page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("card", CARDS, ids=lambda card: str(card.relative_to(CHECKOUT)))
def test_no_figure_stands_in_a_cards_words_or_remarks(card):
    text = card.read_text(encoding="utf-8")
    remarks = re.findall(r"(?:^|\s)#\s+(.*)", text)
    assert [words for words in (*words_of(yaml.safe_load(text)), *remarks) if is_by_hand(words)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_a_benchmark_that_is_named_is_there(page):
    named = COMMAND.finditer(page.read_text(encoding="utf-8"))
    scripts = {match["script"] for match in named if match["script"]}
    assert [name for name in scripts if not (CHECKOUT / "tests" / "benchmarks" / name).is_file()] == []


@pytest.mark.parametrize(
    "text",
    [
        "Ridge reaches .277 here.",
        "It loses 0.31 by it.",
        "The step takes 1.6 times as long.",
        "The difference is -.0040 on one seed.",
        "Mean `PCC 0.25` on demo.",
        "A long line that goes\non to 41.76 % at its end.",
        "- an item\n- another of 0.5\n",
        "| a | b |\n|---|---|\n| smooth | 0.234 |",
        "Untuned ridge scores a PCC of 0.18 (`stbench run --method ridge --dataset demo-tiny`).",
        "It takes 0.3 s. Elsewhere `stbench time` prints other things.",
        "With dropout 0.1 its PCC is 0.3.",
        "<!-- notes -->\n0.25\n<!-- /notes -->",
    ],
)
def test_what_is_found(text):
    assert len(found(text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "<!-- results -->\n| ridge | 0.202 |\n<!-- /results -->",
        "```sh\nstbench run --set ridge.alpha=0.5\n```",
        "| | printed | `paper` | in the code | `released` |\n|---|---|---|---|---|\n| masks | .8 | | .1 | |",
        "It takes 0.3 s (`stbench time --method ridge`).",
        "The outer PCC differs\nby -0.0002 (`python tests/benchmarks/pairs.py`).",
        "| what | measured | command |\n|---|--:|---|\n| both | +0.0001 | `python tests/benchmarks/pairs.py` |",
        "Masks are drawn with `target_mask=0.8`, momentum 0.9, on patches 0.5 um a pixel wide.",
        "arXiv 2603.22821, version 1.2.3, 36 slides, 4.",
    ],
)
def test_what_is_left_alone(text):
    assert found(text) == []
