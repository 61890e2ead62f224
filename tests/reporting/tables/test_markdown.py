"""Markdown as another program reads it: names are shown as they are, and mark up nothing."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from reporting.record_factory import complete, failed, make_record

from stbench.names import printable
from stbench.reporting.tables.leaderboard import build_tables
from stbench.reporting.tables.markdown import escaped, escaped_line, to_markdown

READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
PCC = {"B1": 0.1, "B2": 0.3, "C1": 0.6, "D1": 0.3, "D2": 0.5}
MARKS = [*"*_`[]()<>|#~\\!-+= \na:", "&amp;", "1.", "http://x.y"]
TEXTS = st.lists(st.sampled_from(MARKS), max_size=14).map("".join)


@given(TEXTS)
def test_a_line_reads_as_it_was(text):
    line = " ".join(text.split())
    shown = READER.render(escaped_line(text)).strip()
    assert shown == (f"<p>{html.escape(line)}</p>" if line else "")


@given(TEXTS)
def test_a_cell_reads_as_it_was(text):
    line = " ".join(text.split())
    shown = READER.render(f"| a | b |\n| --- | --- |\n| {escaped(text)} | x |\n")
    assert re.findall("<td>(.*?)</td>", shown) == [html.escape(line), "x"]


@pytest.mark.parametrize(
    "plain", ["depth-smooth", "efficientnet_lite0@ac64", "-0.1 to 0.2", "a (b, lr=1e-3)"]
)
def test_ordinary_names_need_no_backslash(plain):
    assert escaped(plain) == plain


def test_a_whole_board_of_odd_names():
    name = "[x](http://e.vil) **b** | <img src=x> `c` $1$\n# h\x1b[31m"
    records = [
        *complete(name, PCC, panel_note="- *p* <b>", notes=("| ~~n~~ |",)),
        *complete("ridge", PCC, kind="floor"),
        failed(make_record("egn", "B1"), "# ValueError | <i>"),
    ]
    text = to_markdown(build_tables(records, reference=name))
    shown = READER.render(text)
    assert "\x1b" not in text and printable(text) == text
    assert not re.findall(r"<(?:img|i|b|a|code|s|em|h1)\b", shown)
    bold = re.findall(r"<strong>(.*?)</strong>", shown)
    assert bold and all(words.startswith(("Against", "Published")) for words in bold)
    for table in re.findall("<table>.*?</table>", shown, re.DOTALL):
        lines = [
            line.count("<td") + line.count("<th") for line in re.findall("<tr>.*?</tr>", table, re.DOTALL)
        ]
        assert len(set(lines)) == 1
    assert html.escape("**b** | <img src=x> `c`") in shown
