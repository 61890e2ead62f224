"""Each committed table has one file that makes it: its commands are ones that stbench takes, and make every row."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer

from stbench.cli import app
from stbench.record import Record
from stbench.reporting.results.store import RunStore

CHECKOUT = Path(__file__).resolve().parents[2]
RUNS = sorted(path.parent for path in (CHECKOUT / "leaderboards").glob("*/records"))
FLOORS = {"mean", "knn", "ridge", "smooth", "depth", "depth-smooth"}
# Writes down what it was called with, in place of the command; an empty line ends a call.
STAND_IN = '#!/bin/sh\nprintf "%s\\n" "$@" "" >> "$CALLS"\n'


class Call(NamedTuple):
    """One command of a file, parsed by stbench's own command line."""

    command: str
    options: dict[str, Any]


def calls(file: Path, folder: Path, *arguments: str) -> list[Call]:
    """What a command file would call, with `stbench` replaced by a note of its arguments."""
    stand_in, noted = folder / "bin" / "stbench", folder / "calls"
    stand_in.parent.mkdir(exist_ok=True)
    stand_in.write_text(STAND_IN, encoding="utf-8")
    stand_in.chmod(0o755)
    noted.write_text("", encoding="utf-8")
    environment = {"PATH": f"{stand_in.parent}{os.pathsep}{os.environ['PATH']}", "CALLS": str(noted)}
    environment["STBENCH_DATA"] = str(folder)
    # Away from the checkout: what a file writes beside itself must not be written by a test.
    copied = folder / file.name
    copied.write_bytes(file.read_bytes())
    done = subprocess.run(
        ["sh", str(copied), str(folder / "out"), *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    found = noted.read_text(encoding="utf-8").strip("\n").split("\n\n")
    return [parsed(call.split("\n")) for call in found]


def parsed(words: list[str]) -> Call:
    """As the command line understands it; a mistyped option raises."""
    command = typer.main.get_command(app).commands[words[0]]
    with command.make_context(words[0], words[1:]) as context:
        return Call(words[0], dict(context.params))


Row = tuple[str, str, str, str, str, int]


def rows_of(call: Call) -> set[Row]:
    """Method, preset, split, what tunes, panel, seed: what one `stbench run` leaves, floors of the same table too."""
    options = call.options
    genes = options["genes"].partition(":")[0]
    names = {*options["method"].split(","), *FLOORS}
    seeds = {int(seed) for seed in str(options["seeds"]).split(",")}
    presets = {options["variant"] or "paper", "", "untuned"}
    return {
        (name, preset, options["split"], options["tune_on"], genes, seed)
        for name in names
        for preset in presets
        for seed in seeds
    }


def row_of(record: Record) -> Row:
    table, row = record.table, record.row
    return row.method, row.variant, table.split, table.tune_on, table.genes.partition(":")[0], record.seed


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.name)
def test_every_committed_row_is_made_by_the_file_beside_it(run: Path, tmp_path: Path):
    (tmp_path / "predictions").mkdir()
    made = calls(run / "run.sh", tmp_path, *(["predictions"] if "published" in run.name else []))
    records, _ = RunStore(run).records()
    ran = {row for call in made if call.command == "run" for row in rows_of(call)}
    scored = {call.options["name"] for call in made if call.command == "score"}
    ablated = {call.options["table"] for call in made if call.command == "ablate"}
    lacking = {
        row_of(record)
        for record in records
        if record.row.method not in scored
        and row_of(record) not in ran
        and record.ablation.partition(":")[0].removeprefix("Table ") not in ablated
    }
    assert lacking == set()


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.name)
def test_what_is_open_is_said_without_fitting(run: Path, tmp_path: Path):
    made = [call.command for call in calls(run / "run.sh", tmp_path, "plan")]
    assert set(made[:-1]) == {"plan"} and made[-1] == "status"
