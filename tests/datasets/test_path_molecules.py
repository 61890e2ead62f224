"""path:DIR over folders of single molecules: pseudo-spots of the size that --bin states."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from plugins.command import records, stbench
from slide_files.xenium_output import BIN, EXPECTED, HEIGHT, WIDTH, write_transcripts, write_xenium

from stbench.contract import ReadingOptions
from stbench.errors import DatasetError
from stbench.registry import load_dataset


def own_folder(bin_um: float | None = BIN):
    dataset = load_dataset("path")()
    dataset.reading = ReadingOptions(bin_um=bin_um)
    return dataset


@pytest.mark.parametrize("itself", [False, True], ids=["folder of slides", "the slide itself"])
def test_a_folder_of_xenium_is_a_slide(tmp_path: Path, itself: bool):
    folder = write_xenium(tmp_path / "S1")
    (source,) = own_folder().slides(folder if itself else tmp_path)
    assert source.id == "S1" and source.files["alignment"].name == "Sample_he_imagealignment.csv"
    slide = source.read()
    assert dict(zip(slide.spot_ids, slide.counts.toarray().tolist(), strict=True)) == EXPECTED


def test_slides_csv_states_patient_scale_and_platform(tmp_path: Path):
    write_xenium(tmp_path / "S1")
    (tmp_path / "slides.csv").write_text("slide,patient,um_per_px,platform\nS1,A,0.8,Visium HD\n")
    (source,) = own_folder(80.0).slides(tmp_path)
    slide = source.read()
    assert (slide.patient, slide.microns_per_pixel, slide.platform) == ("A", 0.8, "Visium HD")
    assert slide.scale_source == "um_per_px of slides.csv"


def test_without_a_size_or_a_picture_one_sentence_says_so(tmp_path: Path):
    folder = write_xenium(tmp_path / "S1")
    (source,) = own_folder(None).slides(tmp_path)
    with pytest.raises(DatasetError, match="--bin 55 say"):
        source.read()
    (folder / "Sample_he_image.ome.tif").unlink()
    assert "an H&E picture" in own_folder().missing(tmp_path)["S1"]


def test_a_run_over_pseudo_spots(tmp_path: Path, quick: None):
    """Two sections of noise, 25 um bins: 3 rows of 4 whole ones, all of them with molecules."""
    random = np.random.default_rng(0)
    for name in ("S1", "S2"):
        folder = write_xenium(tmp_path / "data" / name)
        places = random.uniform(0, (WIDTH, HEIGHT), (6_000, 2))
        genes = np.char.add("G", random.integers(0, 30, 6_000).astype(str))
        molecules = [(x, y, gene, 40) for (x, y), gene in zip(places.tolist(), genes.tolist(), strict=True)]
        write_transcripts(folder / "transcripts.parquet", molecules)
    where = ("--dataset", f"path:{tmp_path / 'data'}", "--bin", 25, "--out", tmp_path / "out")
    asked = (
        "--method",
        "mean",
        "--inner",
        "none",
        "--genes",
        "highest",
        "--n-genes",
        10,
        "--patch-um",
        25,
        "--threads",
        1,
    )
    found = stbench("run", *where, *asked)
    assert found.status == 0, found.err
    slides = [record["slides"][0] for record in records(tmp_path / "out").values()]
    assert sorted(slide["slide"] for slide in slides) == ["S1", "S2"]
    assert {slide["n_spots"] for slide in slides} == {3 * 4}
