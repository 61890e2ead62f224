"""`stbench report` as it is typed: what it prints, what it leaves behind, what it refuses."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from reporting.report.synthetic_run import Size, make_run


def stbench(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "stbench", *map(str, arguments)], capture_output=True, text=True
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    make_run(folder, Size(n_methods=2, n_patients=2, n_genes=6))
    return folder


def test_a_page_of_a_folder(run, tmp_path):
    done = stbench("report", "--to", tmp_path / "page", "--out", run, "--genes", "GENE003,GENE001")
    assert done.returncode == 0, done.stderr
    assert "index.html: 1 table, " in done.stderr and done.stdout == ""
    page = (tmp_path / "page" / "index.html").read_text(encoding="utf-8")
    assert '"gene": "GENE003"' in page and "asked for" in page


def test_a_page_of_a_bundle(run, tmp_path):
    assert stbench("bundle", "--to", tmp_path / "results.zip", "--out", run, "--with-truth").returncode == 0
    done = stbench(
        "report", "--to", tmp_path / "page", "--out", tmp_path / "none", "--bundle", tmp_path / "results.zip"
    )
    assert done.returncode == 0, done.stderr
    assert 'id="t0-tissue"' in (tmp_path / "page" / "index.html").read_text(encoding="utf-8")


def test_damaged_records_are_warned_about_and_the_page_is_written(run, tmp_path):
    damaged = tmp_path / "runs"
    make_run(damaged, Size(n_methods=1, n_patients=2, n_genes=3))
    (damaged / "records" / "0123456789abcdef.json").write_text("{", encoding="utf-8")
    done = stbench("report", "--to", tmp_path / "page", "--out", damaged)
    assert done.returncode == 1 and "warning: " in done.stderr and "is damaged" in done.stderr
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
    assert (
        done.returncode == 2
        and done.stderr.startswith(f"stbench: {sentence}")
        and done.stderr.count("\n") == 1
    )
    assert not (tmp_path / "page").exists()


def test_an_empty_folder_says_what_to_run(tmp_path):
    done = stbench("report", "--to", tmp_path / "page", "--out", tmp_path)
    assert done.returncode == 2 and "Run a method first: stbench run" in done.stderr
