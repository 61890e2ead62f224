"""What reaches a terminal: no control character, no markup of others, no text without end; and how a command ends."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest
from plugins.command import stbench
from reporting.record_factory import failed, make_record
from rich.console import Console
from rich.table import Table
from rich.text import Text

from stbench.cli.consoles import messages, output
from stbench.cli.grids import grids
from stbench.cli.progress import ProgressListener
from stbench.cli.the_rest import say_where_the_rest_is

HOSTILE = "[red]a[/x] :smile: \x1b[31m\x07\x9b1m\u202e\r"


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """rich takes whatever it writes to for a terminal with 256 colours."""
    for name, value in (("FORCE_COLOR", "1"), ("TERM", "xterm-256color"), ("COLUMNS", "160")):
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("NO_COLOR", raising=False)


@pytest.fixture(params=[messages, output])
def console(terminal: None, request: pytest.FixtureRequest):
    """A console of either kind, on a terminal that is a string."""
    made = request.param()
    made.file = io.StringIO()
    return made


def shown(console) -> str:
    return console.file.getvalue()


def table_of(words: str) -> Table:
    table = Table(words, title=words)
    table.add_row(words)
    return table


@pytest.mark.parametrize("made", [str, Text, table_of])
def test_what_is_shown_steers_nothing_and_reads_as_it_is(console, made):
    console.print(made(HOSTILE))
    text = shown(console)
    for letter in ("\x07", "\x9b", "\u202e", "\r", "\x1b[31m"):
        assert letter not in text
    assert "[red]a[/x] :smile:" in text


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_a_table_that_is_too_wide_goes_on_below_and_cuts_no_number(width):
    numbers = [f"0.{place}23 (-0.{place}00 to 0.{place}99)" for place in range(1, 8)]
    titles = ["method", *(f"score number {place}" for place in range(7))]
    lines = [("spahgc (published settings, lr=0.01)", *numbers), ("a" * 50, *numbers)]
    plain = Console(file=io.StringIO(), width=width)
    blocks = list(grids(titles, lines, 1, width))
    for block in blocks:
        plain.print(block)
    text = plain.file.getvalue()  # type: ignore[attr-defined]
    assert "…" not in text and max(map(len, text.splitlines())) <= width
    assert all(text.count(number) == 2 for number in numbers)
    assert text.count("spahgc") == len(blocks) and text.count("a") >= 50 * len(blocks)


def test_a_table_loses_no_letter_beside_those_that_it_replaces(console):
    table = Table("name")
    table.add_row("\x1b[31mB1\x1b[0m\x9b7m")
    console.print(table)
    assert "[31mB1" in shown(console) and "7m" in shown(console)


def test_styles_of_our_own_stay(console):
    console.print(Text(f"PASS {HOSTILE}", style="green"))
    console.print("[green]PASS[/green]", markup=True)
    assert shown(console).count("\x1b[32m") == 2


@pytest.mark.parametrize("made", [str, Text])
def test_a_text_without_end_is_cut_in_its_middle(console, made):
    console.print(made("begin " + "x" * 100_000 + " end"))
    words = " ".join(shown(console).split())
    assert len(words) < 2_200 and words.startswith("begin") and words.endswith("end")


def test_bars_and_lines_of_a_run_show_names_as_they_are(terminal):
    listener = ProgressListener()
    listener.console.file = io.StringIO()
    with listener:
        assert [bar.description for bar in listener.bars.tasks] == ["getting ready"]  # no empty screen
        listener.encoding(HOSTILE, 1, 2)
        assert not any("getting ready" in bar.description for bar in listener.bars.tasks)
        listener.fitting(HOSTILE + "y" * 900, 1, 2, None)
        listener.recorded(failed(make_record(HOSTILE, "B1"), HOSTILE + "z" * 9_000), 1, 2)
        listener.warning(HOSTILE)
    text = shown(listener.console)
    assert "[red]a[/x]" in text and "\x07" not in text and "\x1b[31m" not in text
    assert "y" * 100 not in text and "z" * 400 not in text


def test_an_end_of_file_is_no_ctrl_c(monkeypatch: pytest.MonkeyPatch, tmp_path):
    import stbench.commands.bundle as bundling

    def ends(*_: object) -> None:
        raise EOFError("Ran out of \x1b[31minput")

    monkeypatch.setattr(bundling, "bundle", ends)
    found = stbench("bundle", "--to", tmp_path / "b.zip")
    assert found.status == 1 and "stopped" not in found.err and "\x1b" not in found.err
    assert "this is a bug: EOFError: Ran out of" in found.err and "--debug shows where" in found.err


def test_ctrl_c_is_a_stop(monkeypatch: pytest.MonkeyPatch, tmp_path):
    import stbench.commands.bundle as bundling

    def stops(*_: object) -> None:
        try:
            raise EOFError
        except EOFError:
            raise KeyboardInterrupt from None

    monkeypatch.setattr(bundling, "bundle", stops)
    found = stbench("bundle", "--to", tmp_path / "b.zip")
    assert found.status == 130 and found.err.strip() == "stbench: stopped."


def test_an_error_is_one_line_whatever_it_quotes(tmp_path):
    found = stbench("verify", tmp_path / f"a\x1b[31m\n{'b' * 100}")
    assert found.status == 2 and len(found.err.splitlines()) == 1 and "\x1b" not in found.err


def test_a_letter_that_the_terminal_lacks_ends_no_command(tmp_path):
    environment = {"PYTHONIOENCODING": "ascii", "PATH": "", "STBENCH_CACHE": str(tmp_path / "é✓")}
    done = subprocess.run([sys.executable, "-m", "stbench", "cache"], capture_output=True, env=environment)
    assert done.returncode == 0 and b"\\u2713" in done.stdout


def test_a_table_offers_only_what_it_does_not_show(capsys: pytest.CaptureFixture[str]):
    for wide, explain in ((False, False), (True, False), (True, True)):
        say_where_the_rest_is(Path("runs"), wide=wide, explain=explain)
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("More: stbench leaderboard --out runs --wide ") and "--explain" in first
    assert second.startswith("More: stbench leaderboard --out runs --explain ")
