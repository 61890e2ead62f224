"""`stbench report` as it is typed: what it prints, what it leaves behind, what it refuses."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from plugins.command import Outcome, stbench
from reporting.report.synthetic_run import Size, figures_not_drawn, make_run


def in_a_process_of_its_own(*arguments: object) -> Outcome:
    command = [sys.executable, "-m", "stbench", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    return Outcome(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    make_run(folder, Size(n_methods=2, n_patients=2, n_genes=6))
    return folder


def test_a_page_of_a_folder(run, tmp_path):
    arguments = ("--to", tmp_path / "page", "--out", run, "--genes", "GENE003,GENE001")
    done = in_a_process_of_its_own("report", *arguments)
    assert done.status == 0, done.err
    assert "index.html: 1 table, " in done.err and done.out == ""
    page = (tmp_path / "page" / "index.html").read_text(encoding="utf-8")
    assert '"gene": "GENE003"' in page and "asked for" in page


def test_a_page_of_a_bundle(run, tmp_path):
    assert stbench("bundle", "--to", tmp_path / "results.zip", "--out", run, "--with-truth").status == 0
    where = ("--out", tmp_path / "none", "--bundle", tmp_path / "results.zip")
    with figures_not_drawn():
        done = stbench("report", "--to", tmp_path / "page", *where)
    assert done.status == 0, done.err
    assert 'id="t0-tissue"' in (tmp_path / "page" / "index.html").read_text(encoding="utf-8")


def test_damaged_records_are_warned_about_and_the_page_is_written(run, tmp_path):
    damaged = tmp_path / "runs"
    make_run(damaged, Size(n_methods=1, n_patients=2, n_genes=3))
    (damaged / "records" / "0123456789abcdef.json").write_text("{", encoding="utf-8")
    with figures_not_drawn():
        done = stbench("report", "--to", tmp_path / "page", "--out", damaged)
    assert done.status == 1 and "warning: " in done.err and "is damaged" in done.err
    assert (tmp_path / "page" / "index.html").is_file()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--genes", "NOSUCH"), "--genes NOSUCH is in no gene panel"),
        (("--bundle", "missing.zip"), "--bundle missing.zip is not a file"),
    ],
)
def test_unusable_input_is_one_sentence(run, tmp_path, arguments, sentence):
    done = stbench("report", "--to", tmp_path / "page", "--out", run, *arguments)
    first, last = done.err.splitlines()
    assert done.status == 2 and first.startswith("Reading ") and last.startswith(f"stbench: {sentence}")
    assert not (tmp_path / "page").exists()


def test_an_empty_folder_says_what_to_run(tmp_path):
    done = stbench("report", "--to", tmp_path / "page", "--out", tmp_path)
    assert done.status == 2 and "Run a method first: stbench run" in done.err
