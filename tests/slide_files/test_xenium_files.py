"""Xenium output folders: what a bin holds, by hand, wherever the H&E picture lies on the section."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from slide_files import xenium_output
from slide_files.xenium_output import BIN, EXPECTED, GENES, write_xenium

from stbench.contract import ReadingOptions
from stbench.errors import DatasetError
from stbench.slide import Slide
from stbench.slide_files.image_scale import StatedScale
from stbench.slide_files.xenium_files import read_xenium, xenium_files, xenium_lacks


def read(folder: Path, bin_um: float | None = BIN, **more) -> Slide:
    return read_xenium("S1", xenium_files(folder), patient="A", reading=ReadingOptions(bin_um=bin_um), **more)


@pytest.mark.parametrize(
    "how", [{}, {"as_bytes": True}, {"flagged": True}], ids=["names", "bytes", "is_gene"]
)
def test_transcripts_are_counted_in_bins_of_the_aligned_picture(tmp_path: Path, how: dict):
    slide = read(write_xenium(tmp_path, **how))
    assert slide.genes == GENES
    assert dict(zip(slide.spot_ids, slide.counts.toarray().tolist(), strict=True)) == EXPECTED
    assert slide.array_row_column.tolist() == [[0, 0], [0, 1], [1, 2]]
    np.testing.assert_allclose(slide.pixel_xy, [[50, 50], [150, 50], [250, 150]])
    assert (slide.platform, slide.patient, slide.image.name) == ("Xenium", "A", "Sample_he_image.ome.tif")
    assert slide.microns_per_pixel == pytest.approx(0.4)
    assert slide.scale_source == "pixel_size of experiment.xenium through Sample_he_imagealignment.csv"
    assert slide.warnings == ("2 of 7 molecules lie outside the picture's bins and are left out",)


def test_without_an_alignment_the_picture_lies_on_the_morphology_image(tmp_path: Path):
    folder = write_xenium(tmp_path, aligned=False)
    x, y = 47.0, 25.0  # microns: bin 4 of row 2 of 10 um, on a picture of 60 x 40 um
    turned = np.linalg.solve(xenium_output.ALIGNMENT, [x / xenium_output.PIXEL, y / xenium_output.PIXEL, 1])
    xenium_output.write_transcripts(folder / "transcripts.parquet", [(*turned[:2], "CD3E", 40)])
    slide = read(folder, bin_um=10.0)
    assert (slide.spot_ids, slide.counts.toarray().tolist()) == (("4x2",), [[1]])
    np.testing.assert_allclose(slide.pixel_xy, [[225, 125]])
    assert (slide.microns_per_pixel, slide.scale_source) == (0.2, "pixel_size of experiment.xenium")
    assert "no alignment beside Sample_he_image.ome.tif" in slide.warnings[0]


def test_a_stated_scale_is_the_picture_s(tmp_path: Path):
    slide = read(write_xenium(tmp_path), stated=StatedScale(0.8, "um_per_px of slides.csv"), bin_um=80.0)
    assert dict(zip(slide.spot_ids, slide.counts.toarray().tolist(), strict=True)) == EXPECTED
    assert (slide.microns_per_pixel, slide.scale_source) == (0.8, "um_per_px of slides.csv")


def test_the_size_of_pseudo_spots_must_be_stated(tmp_path: Path):
    with pytest.raises(DatasetError, match=r"places molecules, not spots: state .* --bin 55 say"):
        read(write_xenium(tmp_path), bin_um=None)
    with pytest.raises(DatasetError, match=r"has room for 0 bins of 500 um; state another --bin"):
        read(tmp_path, bin_um=500.0)


def test_what_lacks_is_named(tmp_path: Path):
    folder = write_xenium(tmp_path)
    (folder / "experiment.xenium").unlink()
    (folder / "Sample_he_image.ome.tif").unlink()
    assert xenium_lacks(xenium_files(folder)) == (
        "experiment.xenium, an H&E picture (NAME_he_image.ome.tif, with NAME_he_imagealignment.csv)"
    )
    with pytest.raises(DatasetError, match=r"Slide S1 lacks experiment\.xenium"):
        read(folder)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("experiment.xenium", "{}", "states no pixel_size"),
        ("experiment.xenium", json.dumps({"pixel_size": -1}), "states no pixel_size"),
        ("Sample_he_imagealignment.csv", "1,0\n0,1\n", "is no alignment"),
        ("Sample_he_imagealignment.csv", "a,b,c\n" * 3, "is no alignment"),
        ("Sample_he_imagealignment.csv", "1,0,0\n0,9,0\n0,0,1\n", "maps no picture onto another"),
        ("Sample_he_imagealignment.csv", "1,0,9999\n0,1,0\n0,0,1\n", "none of 7 molecules lies on"),
        ("transcripts.parquet", "PAR1", "cannot be read whole"),
    ],
)
def test_a_damaged_file_is_one_sentence_that_names_it(tmp_path: Path, name: str, text: str, words: str):
    folder = write_xenium(tmp_path)
    (folder / name).write_text(text)
    with pytest.raises(DatasetError, match=words) as error:
        read(folder)
    assert str(folder) in str(error.value)


def test_two_pictures_are_one_too_many(tmp_path: Path):
    folder = write_xenium(tmp_path)
    (folder / "other_HE.tif").write_bytes((folder / "Sample_he_image.ome.tif").read_bytes())
    with pytest.raises(DatasetError, match=r"several pictures: Sample_he_image\.ome\.tif, other_HE\.tif"):
        xenium_files(folder)
