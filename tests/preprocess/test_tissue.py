"""Tissue on pictures that the test paints, and on real sections whose spots a person selected."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from stbench.preprocess.tissue import LEAST_SHARE, stained_pixels, tissue_shares

PINK, WHITE, GREY, PEN = (220, 150, 190), (245, 244, 246), (120, 120, 121), (10, 10, 12)


def painted(*bands):
    return np.concatenate([np.full((40, 60, 3), colour, dtype=np.uint8) for colour in bands])


@pytest.mark.parametrize(("colour", "is_tissue"), [(PINK, True), (WHITE, False), (GREY, False), (PEN, False)])
def test_what_is_stained(colour, is_tissue):
    found = stained_pixels(painted(colour, WHITE))
    assert found[5:35].all() == is_tissue and found[5:35].any() == is_tissue and not found[45:].any()


def test_a_slide_full_of_tissue_is_all_tissue():
    assert stained_pixels(painted(PINK)).all()


def test_shares_of_places(tmp_path, cache):
    Image.fromarray(painted(PINK, WHITE)).save(tmp_path / "slide.png")
    shares = tissue_shares(tmp_path / "slide.png", np.array([[30.0, 20.0], [30.0, 40.0], [30.0, 62.0]]), 8)
    assert shares[0] == 1 and 0.3 < shares[1] < 0.7 and shares[2] == 0


def test_spots_that_a_person_selected_are_tissue(shared_data, cache):
    """Of the spots under tissue by hand, nine tenths and more are found on each real section."""
    from stbench.commands.choosing import find_slides

    for source in find_slides("her2", shared_data)[0]:
        slide = source.read()
        shares = tissue_shares(slide.image, slide.pixel_xy, 73)
        assert (shares >= LEAST_SHARE).mean() > 0.9, source.id
