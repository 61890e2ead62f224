"""What a newcomer waits for: installing, the first line, the first result and the end of a run, the page.

    python tests/benchmarks/first_minutes.py [--install default|cpu] [--method M] [--dataset D] [--busy] [--page]

`stbench run` in a folder and with caches of its own that are empty; `--busy` keeps one core at work meanwhile. Printed
are seconds of the clock from the start of the command, and what the run itself had announced; with `--page` also how
long `stbench report` takes after it, how large the page is, and, where there is chromium, how long it takes to open.
`--install` has this checkout installed first in a fresh environment by the README's commands, and prints how long that
took and how large it is; the run is that environment's then.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

CHECKOUT = Path(__file__).resolve().parents[2]
_TORCH_WITHOUT_GPU = ("torch", "torchvision", "--index-url", "https://download.pytorch.org/whl/cpu")
# "[3/50] ridge · fold A1 · PCC 0.123": a fold is scored.
_RESULT = re.compile(r"^\[\d+/\d+\]")


class Waited(NamedTuple):
    """Seconds until each; `announced` is the run's own sentence about its length."""

    first_line: float
    first_result: float
    end: float
    announced: str


def installed(folder: Path, which: str) -> tuple[str, float, int]:
    """The Python of a fresh environment that stbench was installed in, the seconds that took, and its bytes."""
    start = time.monotonic()
    subprocess.run([sys.executable, "-m", "venv", str(folder / ".venv")], check=True)
    python = str(folder / ".venv" / "bin" / "python")
    pip = [python, "-m", "pip", "install", "--quiet", "--no-cache-dir"]
    if which == "cpu":
        subprocess.run([*pip, *_TORCH_WITHOUT_GPU], check=True)
    subprocess.run([*pip, "-e", str(CHECKOUT)], check=True)
    return python, time.monotonic() - start, _size(folder / ".venv")


def waited(python: str, method: str, dataset: str, folder: Path) -> Waited:
    """Run a method once in an empty folder; CalledProcessError where it fails."""
    start = time.monotonic()
    first_line = first_result = None
    announced = ""
    asked = ["--method", method, "--dataset", dataset, "--out", str(folder / "out")]
    command = [python, "-m", "stbench", "run", *asked]
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


def page(python: str, folder: Path) -> tuple[float, int]:
    """Seconds that `stbench report` takes, and the bytes of what it writes."""
    start = time.monotonic()
    asked = ["--out", str(folder / "out"), "--to", str(folder / "page")]
    command = [python, "-m", "stbench", "report", *asked]
    subprocess.run(command, env=_empty(folder), check=True, capture_output=True)
    return time.monotonic() - start, _size(folder / "page")


def opened(page: Path) -> float | None:
    """Seconds until a browser that is running shows the first screen; None where chromium or playwright lacks."""
    chromium = shutil.which("chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        chromium = None
    if chromium is None:
        return None
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 1280, "height": 900})
        start = time.monotonic()
        tab.goto(page.as_uri(), wait_until="load")
        tab.evaluate("() => new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
        seconds = time.monotonic() - start
        browser.close()
    return seconds


def _size(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(file.lstat().st_size for file in folder.rglob("*") if file.is_file() and not file.is_symlink())


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
    parser.add_argument("--install", choices=("default", "cpu"), help="install this checkout first")
    parser.add_argument("--method", default="spahgc")
    parser.add_argument("--dataset", default="demo")
    parser.add_argument("--busy", action="store_true", help="keep one core at work meanwhile")
    parser.add_argument("--page", action="store_true", help="write the report's page as well, and open it")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="stbench-first-minutes-") as name:
        folder, python = Path(name), sys.executable
        if asked.install:
            python, seconds, size = installed(folder, asked.install)
            print(f"install {seconds:.0f} s, {size / 1e9:.1f} GB")
        with busy(asked.busy):
            found = waited(python, asked.method, asked.dataset, folder)
            print(
                f"first line {found.first_line:.1f} s, first result {found.first_result:.1f} s, end {found.end:.0f} s"
            )
            print(found.announced)
            if asked.page:
                seconds, size = page(python, folder)
                opening = opened(folder / "page" / "index.html")
                opens = "not opened without chromium" if opening is None else f"opens in {opening:.1f} s"
                print(f"page {seconds:.1f} s, {size / 1e6:.1f} MB, {opens}")


if __name__ == "__main__":
    main()
