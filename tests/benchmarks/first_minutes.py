"""What a newcomer waits for: the first line, the first result and the end of a run that finds nothing cached.

    python tests/benchmarks/first_minutes.py [--method spahgc] [--dataset demo] [--busy] [--page]

`stbench run` in a folder and with caches of its own that are empty; `--busy` keeps one core at work meanwhile. Printed
are seconds of the clock from the start of the command, and what the run itself had announced; with `--page` also how
long `stbench report` takes after it, and how large the page is.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_STBENCH = (sys.executable, "-m", "stbench")
# "[3/50] ridge · fold A1 · PCC 0.123": a fold is scored.
_RESULT = re.compile(r"^\[\d+/\d+\]")


class Waited(NamedTuple):
    """Seconds until each; `announced` is the run's own sentence about its length."""

    first_line: float
    first_result: float
    end: float
    announced: str


def waited(method: str, dataset: str, folder: Path) -> Waited:
    """Run a method once in an empty folder; CalledProcessError where it fails."""
    start = time.monotonic()
    first_line = first_result = None
    announced = ""
    command = [*_STBENCH, "run", "--method", method, "--dataset", dataset, "--out", str(folder / "out")]
    with subprocess.Popen(
        command, env=_empty(folder), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as run:
        for line in run.stdout or ():
            since = time.monotonic() - start
            first_line = first_line or since
            if _RESULT.match(line):
                first_result = first_result or since
            announced = announced or (line.strip() if line.startswith("About ") else "")
    if run.returncode:
        raise subprocess.CalledProcessError(run.returncode, command)
    return Waited(first_line or 0.0, first_result or 0.0, time.monotonic() - start, announced)


def page(dataset: str, folder: Path) -> tuple[float, int]:
    """Seconds that `stbench report` takes, and the bytes of what it writes."""
    start = time.monotonic()
    command = [*_STBENCH, "report", "--out", str(folder / "out"), "--to", str(folder / "page")]
    subprocess.run(command, env=_empty(folder), check=True, capture_output=True)
    written = sum(file.stat().st_size for file in (folder / "page").rglob("*") if file.is_file())
    return time.monotonic() - start, written


def _empty(folder: Path) -> dict[str, str]:
    """The environment with caches that nothing lies in yet."""
    return {**os.environ, "STBENCH_CACHE": str(folder / "cache"), "PYTHONUNBUFFERED": "1"}


def _spin() -> None:
    while True:
        pass


@contextlib.contextmanager
def busy(wanted: bool) -> Iterator[None]:
    """One core at work meanwhile, where that is wanted."""
    if not wanted:
        yield
        return
    spinning = multiprocessing.get_context("spawn").Process(target=_spin, daemon=True)
    spinning.start()
    try:
        yield
    finally:
        spinning.kill()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--method", default="spahgc")
    parser.add_argument("--dataset", default="demo")
    parser.add_argument("--busy", action="store_true", help="keep one core at work meanwhile")
    parser.add_argument("--page", action="store_true", help="write the report's page as well")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="stbench-first-minutes-") as name, busy(asked.busy):
        found = waited(asked.method, asked.dataset, Path(name))
        print(
            f"first line {found.first_line:.1f} s, first result {found.first_result:.1f} s, end {found.end:.0f} s"
        )
        print(found.announced)
        if asked.page:
            seconds, size = page(asked.dataset, Path(name))
            print(f"page {seconds:.1f} s, {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
