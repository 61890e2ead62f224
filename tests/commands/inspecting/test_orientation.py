"""How an array lies on its image: turned arrays are all of one sense, mirrored and exchanged ones are named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tiny_slides import make_slide

from stbench.commands.inspecting.orientation import Orientation, orientation_of, turned_over
from stbench.slide import Slide

EXCHANGED, MIRRORED_X, MIRRORED_Y = ((0, 1), (1, 0)), ((-1, 0), (0, 1)), ((1, 0), (0, -1))


def lying(folder: Path, degrees: float, change=((1, 0), (0, 1))) -> Orientation:
    """A slide whose columns run rightwards and rows downwards, turned clockwise, then changed."""
    slide, angle = make_slide(folder, "S1", "A", 0), np.deg2rad(degrees)
    rightwards, downwards = (np.cos(angle), np.sin(angle)), (-np.sin(angle), np.cos(angle))
    rows, columns = slide.array_row_column.T
    xy = 200 + 20 * (columns[:, None] * rightwards + rows[:, None] * downwards)
    found = orientation_of(replace(slide, pixel_xy=xy @ np.array(change).T))
    assert found is not None
    return found


@pytest.mark.parametrize("degrees", [0, 3, 90, 180, 271])
def test_a_turned_array_keeps_its_sense(tmp_path: Path, degrees: int):
    lies = lying(tmp_path, degrees)
    assert (lies.sense, lies.degrees) == ("usual", degrees)
    for change in (EXCHANGED, MIRRORED_X, MIRRORED_Y):
        assert lying(tmp_path, degrees, change).sense == "reversed"


def platforms(slides: dict, platform: str = "ST") -> dict[str, str]:
    return dict.fromkeys(slides, platform)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (EXCHANGED, "x and y look exchanged;"),
        (MIRRORED_X, "mirrored from left to right"),
        (MIRRORED_Y, "mirrored from top to bottom"),
    ],
)
def test_one_slide_turned_over_is_named_with_what_happened(tmp_path: Path, change, words: str):
    slides = {name: lying(tmp_path, degrees) for name, degrees in (("S1", 0), ("S2", 4), ("S4", 357))}
    found = turned_over(slides | {"S3": lying(tmp_path, 2, change)}, platforms({**slides, "S3": None}))
    assert found.keys() == {"S3"}
    assert words in found["S3"] and "unlike that of S1, S2, S4" in found["S3"]


def test_of_two_slides_the_unusual_one_is_named_and_of_one_sense_none(tmp_path: Path):
    usual, over = lying(tmp_path, 0), lying(tmp_path, 0, EXCHANGED)
    assert turned_over({"S1": over, "S2": usual}, platforms({"S1": 0, "S2": 0})).keys() == {"S1"}
    assert turned_over({"S1": over, "S2": over}, platforms({"S1": 0, "S2": 0})) == {}
    assert turned_over({"S1": over, "S2": usual}, {"S1": "ST", "S2": "Visium"}) == {}


def test_spots_on_a_line_or_without_an_array_tell_nothing(tmp_path: Path):
    slide = make_slide(tmp_path, "S1", "A", 0)

    def with_array(array: np.ndarray) -> Slide:
        return replace(slide, array_row_column=array)

    assert orientation_of(with_array(slide.array_row_column * (1, 0))) is None
    assert orientation_of(with_array(np.zeros((36, 2)))) is None
    assert turned_over({"S1": None, "S2": None}, platforms({"S1": 0, "S2": 0})) == {}
