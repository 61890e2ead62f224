"""Thumbnails show the slide at the scale that they state."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from stbench.errors import DatasetError
from stbench.preprocess.thumbnails import LONGEST_EDGE, thumbnail_of


def painted(folder, suffix: str):
    """White tissue, 3,000 x 2,000 px, with a red square around x = 2,400, y = 500."""
    pixels = np.full((2000, 3000, 3), 255, dtype=np.uint8)
    pixels[450:550, 2350:2450] = (255, 0, 0)
    path = folder / f"slide{suffix}"
    Image.fromarray(pixels).save(path)
    return path


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif"])
def test_a_marked_place_lies_where_the_scale_says(tmp_path, cache, suffix):
    thumbnail = thumbnail_of(painted(tmp_path, suffix))
    picture = np.asarray(Image.open(io.BytesIO(thumbnail.jpeg.tobytes())))
    assert max(picture.shape) == LONGEST_EDGE and picture.shape[:2] == (427, 640)
    rows, columns = np.nonzero(picture[:, :, 1] < 100)
    assert columns.mean() / thumbnail.scale == pytest.approx(2400, abs=10)
    assert rows.mean() / thumbnail.scale == pytest.approx(500, abs=10)


def test_a_small_image_is_not_enlarged(tmp_path, cache):
    path = tmp_path / "small.png"
    Image.new("RGB", (200, 100)).save(path)
    assert thumbnail_of(path).scale == 1


def test_a_damaged_image_is_named(tmp_path, cache):
    path = tmp_path / "slide.jpg"
    path.write_bytes(b"no image")
    with pytest.raises(DatasetError, match=r"slide\.jpg"):
        thumbnail_of(path)
