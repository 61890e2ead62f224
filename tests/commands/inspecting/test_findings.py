"""Slides that differ from their card or whose spots lie where none should are wondered about, sound ones are not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_slides import make_slide

from stbench.commands.inspecting.findings import differences_from_card, doubtful_places, n_labelled
from stbench.commands.inspecting.pictures import Picture, picture_of, spot_pitch
from stbench.contract import ExpectedSlide
from stbench.slide import Slide

pytestmark = pytest.mark.usefixtures("cache")


def on_tissue(folder: Path, centres: np.ndarray, **changes) -> Slide:
    """A slide of 36 spots on glass of 900 x 500 px, stained in a square of 30 px around each of `centres`."""
    pixels = np.full((500, 900, 3), (240, 238, 241), dtype=np.uint8)
    for x, y in centres.astype(int):
        pixels[max(y - 15, 0) : y + 16, max(x - 15, 0) : x + 16] = (150, 90, 160)
    slide = make_slide(folder, "S1", "A", 0)
    Image.fromarray(pixels).save(folder / "stained.png")
    return replace(slide, image=folder / "stained.png", **changes)


GRID = np.indices((6, 6)).reshape(2, -1).T[:, ::-1] * 40.0 + (560, 60)


def test_a_sound_slide_raises_no_doubt(tmp_path: Path):
    slide = on_tissue(tmp_path, GRID, pixel_xy=GRID, microns_per_pixel=5.0)  # 40 px are 200 microns
    assert spot_pitch(slide) == pytest.approx(40)
    assert doubtful_places(slide, picture_of(slide)) == []


def test_spots_on_glass_are_counted(tmp_path: Path):
    slide = on_tissue(tmp_path, GRID[:27], pixel_xy=GRID)
    assert doubtful_places(slide, picture_of(slide)) == ["25% of the spots lie beside the tissue, on glass"]


def test_exchanged_axes_are_suspected(tmp_path: Path):
    centres = GRID - (350, 0)
    slide = on_tissue(tmp_path, centres, pixel_xy=centres[:, ::-1])
    (doubt,) = doubtful_places(slide, picture_of(slide))
    assert doubt.endswith("0% would with x and y exchanged; are they the wrong way round?")


def test_spots_that_the_edge_cuts_are_counted(tmp_path: Path):
    centres = GRID - (555, 0)  # the first column lies 5 px from the left edge, discs have a radius of 10
    slide = on_tissue(tmp_path, centres, pixel_xy=centres)
    assert doubtful_places(slide, picture_of(slide)) == ["the image's edge cuts 17% of the spots"]


@pytest.mark.parametrize(
    ("platform", "microns", "doubtful"),
    [
        ("ST", 5.0, False),
        ("ST", 2.5, True),
        ("Visium", 2.5, False),
        ("Visium", 5.0, True),
        ("Xenium", 9.0, False),
    ],
)
def test_a_pixel_size_must_give_the_platforms_distance(
    tmp_path: Path, platform: str, microns: float, doubtful: bool
):
    slide = on_tissue(tmp_path, GRID, pixel_xy=GRID, platform=platform, microns_per_pixel=microns)
    doubts = doubtful_places(slide, picture_of(slide))
    assert [f"neighbouring spots are {40 * microns:.0f} um apart" in doubt for doubt in doubts] == [
        True
    ] * doubtful


def test_one_spot_is_enough(tmp_path: Path):
    slide = make_slide(tmp_path, "S1", "A", 0)
    one = replace(
        slide,
        spot_ids=slide.spot_ids[:1],
        pixel_xy=slide.pixel_xy[:1],
        array_row_column=slide.array_row_column[:1],
        counts=slide.counts[:1],
        microns_per_pixel=1.0,
    )
    assert spot_pitch(one) is None
    pixels = np.full((140, 140, 3), 100, np.uint8)
    pixels[100:] = 240
    assert doubtful_places(one, Picture(pixels, 1.0)) == []


def test_what_the_card_states_is_compared(tmp_path: Path):
    slide = make_slide(tmp_path, "S1", "A", 0)
    assert differences_from_card(slide, None) == []
    assert differences_from_card(slide, ExpectedSlide(spots=36, genes=30)) == []
    assert differences_from_card(slide, ExpectedSlide(spots=35, genes=31, annotated=True)) == [
        "36 spots; the card states 35",
        "30 genes; the card states 31",
        "no spot has a label; the card states that the slide is annotated",
    ]
    labelled = replace(slide, annotation=np.array(["tumour"] + [""] * 35))
    assert n_labelled(labelled) == 1
    assert differences_from_card(labelled, ExpectedSlide(annotated=True)) == []
