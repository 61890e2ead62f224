"""Thumbnails show the slide at the scale that they state."""

from __future__ import annotations

import io
import tracemalloc

import numpy as np
import pytest
import tifffile
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


TILES = {"tile": (256, 256), "photometric": "rgb", "compression": "zlib"}


def pyramid(path, pixels: np.ndarray, steps=(1, 2, 4), colours=None, below: bool = False) -> None:
    """Levels of a whole-slide TIFF as pages or below the first; each filled with its own colour, if given."""
    with tifffile.TiffWriter(path) as tiff:
        for number, step in enumerate(steps):
            level = pixels[::step, ::step]
            level = level if colours is None else np.full_like(level, colours[number])
            first = {"subifds": len(steps) - 1} if below and number == 0 else {}
            tiff.write(level, subfiletype=int(number > 0), **first, **TILES)


@pytest.mark.parametrize("steps", [(1,), (1, 2, 4), (1, 2, 4, 8, 16)])
@pytest.mark.parametrize("below", [False, True])
def test_a_marked_place_lies_where_the_scale_says_in_a_pyramid(tmp_path, cache, steps, below):
    pixels = np.asarray(Image.open(painted(tmp_path, ".png")))[:1_999, :2_997]
    pyramid(tmp_path / "wsi.tif", pixels, steps, below=below)
    thumbnail = thumbnail_of(tmp_path / "wsi.tif")
    picture = np.asarray(Image.open(io.BytesIO(thumbnail.jpeg.tobytes())))
    assert picture.shape[:2] == (427, 640)
    rows, columns = np.nonzero(picture[:, :, 1] < 100)
    assert columns.mean() / thumbnail.scale == pytest.approx(2400, abs=6)
    assert rows.mean() / thumbnail.scale == pytest.approx(500, abs=6)


@pytest.mark.parametrize(("edge", "colour"), [(640, 120), (751, 60), (1_501, 0), (160, 240)])
def test_the_smallest_level_that_suffices_is_read(tmp_path, cache, edge, colour):
    """Levels of 3,000, 1,500, 750, 375 and 188 pixels."""
    colours = (0, 60, 120, 180, 240)
    pyramid(tmp_path / "wsi.tif", np.zeros((2_000, 3_000, 3), np.uint8), (1, 2, 4, 8, 16), colours)
    thumbnail = thumbnail_of(tmp_path / "wsi.tif", edge)
    picture = np.asarray(Image.open(io.BytesIO(thumbnail.jpeg.tobytes())))
    assert max(picture.shape) == edge and thumbnail.scale == edge / 3_000
    assert abs(int(np.median(picture)) - colour) <= 2


def test_the_averaging_is_that_of_the_whole_image(tmp_path, cache):
    pixels = np.random.default_rng(0).integers(0, 256, (1_203, 1_807, 3), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "noise.tif", pixels, **TILES)
    Image.fromarray(pixels).save(tmp_path / "noise.png")
    tiff, png = (
        np.asarray(Image.open(io.BytesIO(thumbnail_of(tmp_path / f"noise.{kind}").jpeg.tobytes()))).astype(
            int
        )
        for kind in ("tif", "png")
    )
    assert tiff.shape == png.shape
    assert np.abs(tiff - png).mean() < 12  # two filters on noise; without them its deviation is 64


def test_a_large_image_without_levels_is_never_held_whole(tmp_path, cache):
    side = 8_192
    blank = np.full((256, 256, 3), 180, dtype=np.uint8)
    tiles = (blank for _ in range((side // 256) ** 2))
    tifffile.imwrite(tmp_path / "large.tif", tiles, shape=(side, side, 3), dtype=np.uint8, **TILES)
    tracemalloc.start()
    thumbnail = thumbnail_of(tmp_path / "large.tif")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert thumbnail.scale == 640 / side
    assert peak < side * side * 3 / 4


@pytest.mark.parametrize("share", [0.05, 0.5])
def test_a_truncated_pyramid_is_named(tmp_path, cache, share):
    path = tmp_path / "wsi.tif"
    pyramid(path, np.random.default_rng(0).integers(0, 256, (900, 900, 3), dtype=np.uint8))
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(DatasetError, match=r"wsi\.tif"):
        thumbnail_of(path)


def test_a_small_image_is_not_enlarged(tmp_path, cache):
    path = tmp_path / "small.png"
    Image.new("RGB", (200, 100)).save(path)
    assert thumbnail_of(path).scale == 1


def test_a_damaged_image_is_named(tmp_path, cache):
    path = tmp_path / "slide.jpg"
    path.write_bytes(b"no image")
    with pytest.raises(DatasetError, match=r"slide\.jpg"):
        thumbnail_of(path)
