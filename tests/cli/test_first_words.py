"""What a person sees first of a run: a word at once, on standard error, before any heavy library is loaded."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from plugins.command import stbench

SECONDS = 2.0
# The command line, saying behind each line of its own what was loaded by then.
PROGRAM = """
import sys
from stbench.cli import main, consoles
written = consoles.CleanConsole.print
def told(self, *words, **more):
    written(self, *words, **more)
    written(self, "loaded:", *sorted({"torch", "scipy", "pandas", "mlflow"} & sys.modules.keys()))
consoles.CleanConsole.print = told
main()
"""


@pytest.mark.parametrize("further", [(), ("--json",), ("--dry-run",)])
def test_a_new_run_says_a_word_before_it_loads_a_library(further: tuple[str, ...], tmp_path: Path):
    """What it has computed until then counts, since a test's machine does other work beside."""
    arguments = ("run", "--method", "ridge", "--dataset", "demo", "--out", tmp_path / "out", *further)
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *map(str, arguments)],
        env={**os.environ, "STBENCH_CACHE": str(tmp_path / "cache")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        first, loaded = process.stderr.readline(), process.stderr.readline()
        used = psutil.Process(process.pid).cpu_times()
    finally:
        process.kill()
        process.communicate()
    assert first == f"Reading demo and what lies under {tmp_path / 'out'}.\n"
    assert loaded.split() == ["loaded:"]
    assert used.user + used.system < SECONDS


@pytest.mark.parametrize("wrong", [("--method", "rigde"), ("--dataset", "dmeo")])
def test_a_mistyped_name_is_one_sentence_still(wrong: tuple[str, str], tmp_path: Path):
    result = stbench("run", "--method", "ridge", "--dataset", "demo-tiny", "--out", tmp_path, *wrong)
    assert (result.status, result.out) == (2, "")
    (sentence,) = result.err.splitlines()
    assert wrong[1] in sentence
