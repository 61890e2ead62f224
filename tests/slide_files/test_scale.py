"""Where a scale comes from, in its order, and whether slides agree; frames that positions may be in."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import tifffile
import visium_files as visium
from PIL import Image

from stbench.contract import ReadingOptions
from stbench.errors import DatasetError, UsageError
from stbench.slide import Slide
from stbench.slide_files.frames import inside
from stbench.slide_files.image_scale import StatedScale
from stbench.slide_files.scale import differing_scales, read_with_scale, scales_differ
from stbench.slide_files.space_ranger import read_space_ranger, space_ranger_files


def read(folder: Path, **options) -> Slide:
    return read_space_ranger("S1", space_ranger_files(folder, "S1"), patient=None, **options)


def write(folder: Path, image: str | None = "image.png", **factors: float) -> Path:
    visium.write_space_ranger(folder, full_image=image)
    path = folder / "spatial" / "scalefactors_json.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **factors}))
    return folder


def write_ome(path: Path, microns: float) -> None:
    metadata = {"axes": "YXS", "PhysicalSizeX": microns, "PhysicalSizeXUnit": "µm"}
    tifffile.imwrite(path, visium.paint(), photometric="rgb", metadata=metadata, ome=True)


def test_a_scale_that_is_stated_goes_before_one_that_is_inferred(tmp_path: Path):
    """From the weakest sign to the strongest, each added to those before."""
    folder = write(tmp_path / "S1", None)
    inferred = read(folder, reading=ReadingOptions(um_per_px=9.0))
    assert inferred.microns_per_pixel == pytest.approx(65 / 26 / visium.HIRES_SCALE)
    assert inferred.scale_source == "65 um over spot_diameter_fullres"
    write_ome(folder / "S1.ome.tif", 0.73)
    by_image = read(folder)
    assert (by_image.image.name, by_image.microns_per_pixel) == ("S1.ome.tif", pytest.approx(0.73))
    assert by_image.scale_source == "OME PhysicalSizeX of the image"
    by_bins = read(write_factors(folder, bin_size_um=8.0))
    assert (by_bins.microns_per_pixel, by_bins.platform) == (pytest.approx(8 / 26), "Visium HD")
    assert by_bins.scale_source == "bin_size_um over spot_diameter_fullres"
    by_factors = read(write_factors(folder, microns_per_pixel=0.31))
    assert by_factors.microns_per_pixel == 0.31
    assert by_factors.scale_source == "microns_per_pixel of the scale factors"
    by_hand = read(folder, stated=StatedScale(0.5, "um_per_px of slides.csv"))
    assert (by_hand.microns_per_pixel, by_hand.scale_source) == (0.5, "um_per_px of slides.csv")


def write_factors(folder: Path, **factors: float) -> Path:
    path = folder / "spatial" / "scalefactors_json.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **factors}))
    return folder


def test_a_stated_scale_is_that_of_full_resolution_and_follows_the_image(tmp_path: Path):
    full = read(write(tmp_path / "a", "scan.JPG", microns_per_pixel=0.25))
    small = read(write(tmp_path / "b", None, microns_per_pixel=0.25))
    assert (full.image.name, full.microns_per_pixel, full.warnings) == ("scan.JPG", 0.25, ())
    assert small.microns_per_pixel == pytest.approx(0.25 / visium.HIRES_SCALE)
    assert len(small.warnings) == 1 and "hires of S1 is used, 0.5 of its size" in small.warnings[0]


def test_65_microns_are_of_visium_only(tmp_path: Path):
    folder = write(tmp_path / "S1")
    assert read(folder, platform="ST").microns_per_pixel is None
    assert read(folder, platform="ST").scale_source == "no file states it"
    assert read(folder, platform="Visium").microns_per_pixel == pytest.approx(2.5)


def test_a_scale_that_the_spots_contradict_is_taken_and_said(tmp_path: Path):
    folder = write(tmp_path / "S1", None)
    write_ome(folder / "image.tif", 0.5)
    assert "0.5 um per pixel, the size of its spots 2.5" in read(folder, platform="Visium").warnings[0]
    by_hand = StatedScale(0.5, "um_per_px of slides.csv")
    assert read(folder, platform="Visium", stated=by_hand).warnings == ()
    write_ome(folder / "image.tif", 2.4)
    assert read(folder, platform="Visium").warnings == ()


def test_a_scale_given_by_hand_is_for_slides_without_one(tmp_path: Path):
    folder = write(tmp_path / "S1")
    without = pickle.loads(
        pickle.dumps(partial(read_with_scale, partial(read, folder, platform="ST"), 0.7))
    )()
    assert (without.microns_per_pixel, without.scale_source) == (0.7, "--um-per-px")
    known = read_with_scale(partial(read, folder), 0.7)
    assert known.microns_per_pixel == 2.5
    assert "--um-per-px 0.7 is not used: 65 um over spot_diameter_fullres gives 2.5" in known.warnings[-1]
    assert read_with_scale(partial(read, folder), 2.52).warnings == ()
    for wrong in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(UsageError, match="--um-per-px must be a positive number of microns"):
            ReadingOptions(um_per_px=wrong)


def test_scales_that_differ_are_named_with_the_cure(tmp_path: Path):
    full, small = read(write(tmp_path / "a")), read(write(tmp_path / "b", None))
    assert scales_differ([full, full]) == ""
    sentence = differing_scales({"A": 0.5, "B": None, "C": 0.25, "D": 0.251})
    assert "from 0.25 um (C) to 0.5 um (A)" in sentence and "--patch-um" in sentence
    assert "from 2.5 um (S1) to 5 um (S2)" in scales_differ([full, replace(small, id="S2")])
    assert differing_scales({"A": None, "B": 0.5}) == differing_scales({}) == ""
    assert differing_scales({"A": 0.50, "B": 0.52}) == ""


# --- spots outside the image --------------------------------------------------------------------------------


@pytest.fixture
def wide(tmp_path: Path) -> Path:
    path = tmp_path / "wide.png"
    Image.fromarray(np.zeros((50, 200, 3), np.uint8)).save(path)
    return path


def outside(wide: Path, xy: np.ndarray, drop: bool = False) -> np.ndarray:
    return inside(xy, [f"s{i}" for i in range(len(xy))], Path("spots.tsv"), wide, drop)


@pytest.mark.parametrize(
    ("turn", "words"),
    [
        (lambda xy: xy[:, ::-1], "with rows and columns exchanged all lie inside"),
        (lambda xy: xy * (1, -1), "with y mirrored all lie inside"),
        (lambda xy: xy * (-1, 1), "with x mirrored all lie inside"),
        (lambda xy: -xy, "with x and y mirrored all lie inside"),
        (lambda xy: xy[:, ::-1] * (-1, 1), "with rows and columns exchanged and y mirrored all lie inside"),
    ],
)
def test_frames_that_would_hold_all_spots_are_named(wide: Path, turn, words: str):
    right = np.array([(20 * k + 10, 5 * k + 2) for k in range(9)], dtype=float)
    assert outside(wide, right).all()
    for drop in (False, True):  # leaving most spots out is no cure for that
        with pytest.raises(DatasetError, match=words):
            outside(wide, turn(right), drop)


def test_stray_spots_are_named_or_left_out(wide: Path):
    places = np.array([(20 * k + 10, 25) for k in range(9)] + [(-139, 12)], dtype=float)
    with pytest.raises(
        DatasetError, match=r"s9 at pixel \(-139, 12\).*1 of 10 spots do\); --drop-outside, or the col"
    ):
        outside(wide, places)
    assert outside(wide, places, drop=True).tolist() == [True] * 9 + [False]
    with pytest.raises(DatasetError, match=r"10 of 10 spots do.*full-size image"):
        outside(wide, places + 500, drop=True)


def test_a_slide_says_how_many_spots_it_leaves_out(tmp_path: Path):
    folder = write(tmp_path / "S1")
    path = folder / "spatial" / "tissue_positions_list.csv"
    path.write_text(path.read_text().replace("AAAA-1,1,0,4,20,96", "AAAA-1,1,0,4,20,960"))
    with pytest.raises(DatasetError, match="AAAA-1 at pixel"):
        read(folder)
    slide = read(folder, reading=ReadingOptions(drop_outside=True))
    assert slide.spot_ids == ("ACGT-1", "GGGG-1", "TTTT-1")
    visium.assert_spots_lie_on_their_colours(slide)
    assert slide.warnings == ("1 of 4 spots lie outside image.png and are left out (drop_outside)",)
