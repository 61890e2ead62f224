"""Tags that turn or mirror a picture are obeyed, in regions as in wholes, held against Pillow's own turning."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps

from stbench.pictures.opening import image_extent, open_image, read_image

PIXELS = np.random.default_rng(0).integers(0, 256, (700, 90, 3), dtype=np.uint8)
TAG = 0x0112


def as_displayed(orientation: int) -> np.ndarray:
    image = Image.fromarray(PIXELS)
    image.getexif()[TAG] = orientation
    return np.asarray(ImageOps.exif_transpose(image))


def write(path: Path, orientation: int) -> None:
    if path.suffix == ".tif":
        tags = [(TAG, 3, 1, orientation, True)]
        layout = {"tile": (64, 32), "compression": "zlib"} if "tiles" in path.name else {"rowsperstrip": 16}
        tifffile.imwrite(path, PIXELS, photometric="rgb", extratags=tags, **layout)
        return
    exif = Image.Exif()
    exif[TAG] = orientation
    options = {"quality": 100, "subsampling": 0} if path.suffix == ".jpg" else {}
    Image.fromarray(PIXELS).save(path, exif=exif, **options)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["a.png", "tiles.tif", "strips.tif", "a.jpg"])
def test_pixels_are_those_of_the_picture_as_displayed(tmp_path: Path, name: str, orientation: int):
    path = tmp_path / name
    write(path, orientation)
    expected = as_displayed(orientation)
    height, width = expected.shape[:2]
    assert image_extent(path) == (width, height)
    found = read_image(path)
    assert np.abs(found.astype(int) - expected).max() <= (0 if name != "a.jpg" else 12)
    with open_image(path) as image:
        assert (image.width, image.height) == (width, height)
        for left, top in ((3, 5), (width - 31, height - 17), (-10, -10)):
            box = max(left, 0), max(top, 0), min(left + 40, width), min(top + 30, height)
            part = image.region(left, top, left + 40, top + 30)
            np.testing.assert_array_equal(part, found[box[1] : box[3], box[0] : box[2]])


def test_a_tag_behind_a_pngs_pixels_is_obeyed_without_decoding_them(tmp_path: Path):
    path = tmp_path / "late.png"
    write(path, 6)
    data = path.read_bytes()
    start = data.index(b"eXIf") - 4
    end = start + 12 + int.from_bytes(data[start : start + 4], "big")
    last = data.index(b"IEND") - 4
    path.write_bytes(data[:start] + data[end:last] + data[start:end] + data[last:])
    assert image_extent(path) == (700, 90)
    np.testing.assert_array_equal(read_image(path), as_displayed(6))


@pytest.mark.parametrize("name", ["a.png", "tiles.tif", "a.jpg"])
def test_a_tag_that_means_nothing_turns_nothing(tmp_path: Path, name: str):
    write(tmp_path / name, 9)
    assert image_extent(tmp_path / name) == (90, 700)
