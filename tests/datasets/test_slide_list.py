"""slides.csv as R, a spreadsheet and people write it."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from plugins.command import stbench
from shared_cases import make_case

from stbench.datasets.path import plugin as OwnFolder
from stbench.datasets.path.slide_list import Listed, read_slide_list
from stbench.errors import DatasetError


def listed(folder: Path, text: str, encoding: str = "utf-8") -> dict[str, Listed] | None:
    (folder / "slides.csv").write_bytes(text.encode(encoding))
    return read_slide_list(folder)


@pytest.mark.parametrize("word", ["", "NA", "nan", "NaN", "None", "null", "N/A", "<NA>"])
def test_words_for_nothing_known_say_nothing_in_any_column(tmp_path: Path, word: str):
    text = f'"slide","patient","um_per_px","annotation"\n"S1",{word},{word},{word}\n"S2","P2",0.5,"label"\n'
    assert listed(tmp_path, text) == {"S1": Listed(), "S2": Listed("P2", 0.5, "label")}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_the_list_of_a_spreadsheet(tmp_path: Path, separator: str, encoding: str):
    rows = [
        ["Slide", " Patient ", "um_per_px", ""],
        ["S1", "Müller ", "0.5", ""],
        ["S 2", "B", "", ""],
        [""] * 4,
    ]
    text = "\r\n".join(separator.join(row) for row in rows)
    assert listed(tmp_path, text, encoding) == {"S1": Listed("Müller", 0.5), "S 2": Listed("B")}


@pytest.mark.parametrize("name", ["sample", "Sample ID", "slide_id", ""])
def test_slides_may_stand_under_another_name_which_is_said(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
):
    with caplog.at_level(logging.INFO):
        assert listed(tmp_path, f"{name},patient\nS1,A\n") == {"S1": Listed("A")}
    assert "is taken as slide" in caplog.text and name in caplog.text


def test_a_row_without_a_slide_is_named(tmp_path: Path):
    with pytest.raises(
        DatasetError, match=r"slides\.csv has a row without a slide's name in the column slide"
    ):
        listed(tmp_path, "slide,patient\nS1,A\n,B\n")


def test_patients_unknown_to_r_are_unknown_and_refused_where_patients_are_needed(
    tmp_path: Path, shared_cache: Path, monkeypatch: pytest.MonkeyPatch
):
    folder = make_case("14", tmp_path / "slides")
    assert [source.patient for source in OwnFolder().slides(folder)] == [None, None, "P3"]
    monkeypatch.chdir(tmp_path)
    command = (
        "run",
        "--method",
        "mean",
        "--dataset",
        f"path:{folder}",
        "--inner",
        "none",
        "--split",
        "patient",
    )
    refused = stbench(*command)
    assert refused.status == 2
    assert "--split patient needs every slide's patient; not stated for S1, S2." in refused.err
    text = (folder / "slides.csv").read_text()
    for word in ("<NA>", "None", ""):
        (folder / "slides.csv").write_text(text.replace("NA", word))
        again = stbench(*command)
        assert (again.status, again.err.splitlines()[-1]) == (2, refused.err.splitlines()[-1])
