"""Links of the page: names lead to papers, addresses that are none lead nowhere, a bundle beside the page is found."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

from reporting.record_factory import complete
from reporting.report.paper_rows import board

from stbench.reporting.report.beside import bundles_beside
from stbench.reporting.report.sections.leaderboard import leaderboard_section
from stbench.reporting.report.sections.links import (
    AboutDataset,
    AboutMethod,
    Cards,
    dataset_of,
    methods_grid,
    safe_address,
)

PCC: dict[str, float | None] = {"B1": 0.1, "B2": 0.3, "C1": 0.4, "D1": 0.5, "D2": 0.7}
PAPER, CODE = "https://doi.org/10.1/2", "https://github.com/a/b/tree/1234567"
CARDS = Cards(
    {"eggn": AboutMethod("EGGN", "An idea.", "Some paper", PAPER, "a/b, MIT", CODE)},
    {"her2": AboutDataset("HER2+", "Slides.", "Somebody et al.", "https://zenodo.org/records/1")},
)


def test_a_methods_name_leads_to_its_paper_and_its_line_to_the_code():
    found = board(*complete("eggn", PCC), *complete("unknown", PCC))
    lines = {line.cells[1]: line for line in leaderboard_section(found.table, CARDS).grid.lines}
    assert lines["eggn"].links == {1: PAPER} and lines["unknown"].links == {}
    grid = methods_grid(found, CARDS)
    assert grid is not None and [line.cells[0] for line in grid.lines] == ["eggn"]
    assert grid.lines[0].links == {3: PAPER, 4: CODE} and grid.lines[0].cells[3] == "Some paper"
    about = dataset_of(found, CARDS)
    assert about is not None and about.title == "HER2+"
    assert methods_grid(found, Cards()) is None and dataset_of(found, Cards()) is None


def test_only_https_is_an_address():
    assert safe_address(PAPER) == PAPER
    for other in ("javascript:alert(1)", "http://a.b", "file:///etc/passwd", 'https://a"onclick="x', ""):
        assert safe_address(other) == ""


def test_a_bundle_beside_the_page_is_found_and_another_archive_is_not(tmp_path: Path):
    no_text = os.fsdecode(b"\xff.zip")
    inside_of = {"all results.zip": "manifest.json", no_text: "manifest.json", "holiday.zip": "beach.jpg"}
    for name, inside in inside_of.items():
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr(inside, "{}")
    (tmp_path / "broken.zip").write_bytes(b"no archive")
    os.mkfifo(tmp_path / "pipe.zip")
    bundle, other = bundles_beside(tmp_path)
    assert (bundle.name, bundle.address) == ("all results.zip", "all%20results.zip") and bundle.size > 0
    assert bundle.check == "stbench verify 'all results.zip'"
    assert other.address == "%FF.zip" and other.name.encode()  # what the page, which is UTF-8, can hold
    assert bundles_beside(tmp_path / "nowhere") == []
