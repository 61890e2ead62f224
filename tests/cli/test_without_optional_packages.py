"""Packages that only some commands need: the others work without them, and what needs one says so in a sentence."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import tifffile
from plugins import slides
from plugins.command import leftovers, records
from reporting.report.synthetic_run import Size, make_run, report_of

from stbench.reporting.report import printing

TESTS = Path(__file__).parents[1]
OPTIONAL = (
    "mlflow",
    "mlflow_skinny",
    "mlflow_tracing",
    "plotly",
    "imagecodecs",
    "great_tables",
    "scikit_posthocs",
)
# Several commands in one process, which loads torch once; every run has the floor `mean` beside it, and no other.
SEVERAL = """
import json, sys
from plugins.command import stbench
from stbench import registry
registry.floor_methods = lambda: ["mean"]
print(json.dumps([stbench(*words) for words in json.loads(sys.argv[1])]))
"""


class Ran(NamedTuple):
    """The folder that the commands worked in, and (status, standard output, standard error) of each."""

    folder: Path
    found: dict[str, tuple[int, str, str]]


def python(cache: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """A Python without the optional packages."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, (TESTS / "plugins" / "without_packages", TESTS))),
        "STBENCH_TEST_HIDDEN": ",".join(OPTIONAL),
        "STBENCH_CACHE": str(cache),
    }
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory, cache_of_the_session: Path) -> Ran:
    """A run, and every command on what it left."""
    folder = tmp_path_factory.mktemp("bare")
    data = slides.write_slides(folder / "data", ("A1", "B1"))
    where = ("--dataset", "her2", "--data-root", data, "--genes", "highest", "--threads", 1)
    board = ("leaderboard", "--out", folder / "out")
    commands = {
        "run": ("run", "--method", "mean", *where, "--inner", "none", "--out", folder / "out"),
        "leaderboard": board,
        "md": (*board, "--format", "md"),
        "html": (*board, "--format", "html", "--to", folder / "board.html"),
        "latex": (*board, "--format", "latex"),
        "report": ("report", "--out", folder / "out", "--to", folder / "page"),
        "doctor": ("doctor",),
        "time": ("time", "--method", "mean", *where),
    }
    done = python(cache_of_the_session, "-c", SEVERAL, json.dumps(list(commands.values()), default=str))
    assert done.returncode == 0, done.stderr
    return Ran(folder, dict(zip(commands, json.loads(done.stdout), strict=True)))


def test_a_run_is_kept_and_one_sentence_says_that_mlflow_is_missing(ran: Ran):
    status, out, err = ran.found["run"]
    assert status == 0, err
    (warning,) = [line for line in err.splitlines() if line.startswith("warning: ")]
    assert "needs the package mlflow, which is not installed: pip install mlflow." in warning
    assert "All results are safe" in warning
    kept = records(ran.folder / "out").values()
    assert len(kept) == 2 and all(record["failure"] is None for record in kept)
    assert "mean" in out
    assert leftovers(ran.folder) == []


@pytest.mark.parametrize(
    ("command", "words"),
    [("leaderboard", "mean"), ("md", "| mean |"), ("doctor", "pip install mlflow"), ("time", "mean")],
)
def test_what_needs_none_of_them_works(ran: Ran, command: str, words: str):
    status, out, err = ran.found[command]
    assert status == 0, err
    assert words in out
    assert "Traceback" not in out + err


@pytest.mark.parametrize(
    ("command", "package"), [("html", "great-tables"), ("latex", "great-tables"), ("report", "plotly")]
)
def test_what_needs_one_is_a_sentence_and_leaves_nothing_behind(ran: Ran, command: str, package: str):
    status, out, err = ran.found[command]
    assert (status, out) == (2, "")
    (sentence,) = [line for line in err.splitlines() if not line.startswith("Reading ")]
    assert f"needs the package {package}, which is not installed: pip install {package}. " in sentence
    assert not any((ran.folder / name).exists() for name in ("board.html", "page"))


def test_doctor_names_each_that_is_missing(ran: Ran):
    out = ran.found["doctor"][1]
    for package in ("mlflow", "plotly", "great-tables", "scikit-posthocs", "imagecodecs"):
        assert f"pip install {package}" in out


def test_a_compressed_tiff_is_not_called_damaged(tmp_path: Path):
    path = tmp_path / "section.tif"
    pixels = np.zeros((64, 64, 3), dtype=np.uint8)
    tifffile.imwrite(path, pixels, photometric="rgb", tile=(32, 32), compression="jpeg")
    code = (
        "import sys, pathlib; from stbench.pictures.opening import open_image, image_extent\n"
        "print(image_extent(pathlib.Path(sys.argv[1])))\n"
        "with open_image(pathlib.Path(sys.argv[1])) as image: image.region(0, 0, 9, 9)"
    )
    done = python(tmp_path, "-c", code, path)
    assert done.stdout == "(64, 64)\n"
    assert done.stderr.splitlines()[-1] == (
        f"stbench.errors.DatasetError: The compressed image {path} needs the package imagecodecs, which is not "
        "installed: pip install imagecodecs."
    )


def test_a_report_without_its_diagrams_says_why_in_their_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    make_run(tmp_path / "run", Size(n_patients=6, n_genes=3, n_spots=16))
    shutil.rmtree(tmp_path / "run" / "predictions")  # the Records alone, without maps of genes
    monkeypatch.setattr(printing, "save_figure", lambda folder, name, *_: [folder / name])
    whole = report_of(tmp_path / "run", tmp_path / "whole")
    assert (whole.problems, whole.left_out) == ([], [])
    monkeypatch.setitem(sys.modules, "scikit_posthocs", None)
    written = report_of(tmp_path / "run", tmp_path / "page")
    (sentence,) = written.left_out
    assert sentence == (
        "The critical-difference diagram needs the package scikit-posthocs, which is not installed: "
        "pip install scikit-posthocs."
    )
    assert written.problems == []
    assert written.page.read_text(encoding="utf-8").count(sentence) == 3
    lost = {path.name for path in whole.figures} - {path.name for path in written.figures}
    assert len(lost) == 3 and all("ranks" in name for name in lost)
