"""Arrays of any numeric type become 8-bit RGB, held against hand-worked values and Pillow's own compositing."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from stbench.errors import DatasetError
from stbench.pictures.pixels import opaque, rgb8

RGB = np.random.default_rng(0).integers(0, 256, (300, 7, 3), dtype=np.uint8)
GREY = RGB[..., 0]


@pytest.mark.parametrize(
    "dtype", ["uint8", "uint16", "int16", "int64", "uint32", "float16", "float32", "float64"]
)
def test_whole_numbers_of_any_type_are_the_same_picture(dtype: str):
    found = rgb8(RGB.astype(dtype), "it")
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, RGB)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_fractions_are_of_255(dtype: str):
    np.testing.assert_array_equal(rgb8((RGB / 255).astype(dtype), "it"), RGB)
    assert rgb8(np.full((1, 1), 0.5), "it").tolist() == [[[128, 128, 128]]]  # 127.5, to the even number
    assert rgb8(np.array([[0.4, 200.6]]), "it")[..., 0].tolist() == [[0, 201]]


def test_small_whole_numbers_are_dark_not_fractions_and_truths_are_black_and_white():
    assert rgb8(np.array([[0, 1]]), "it")[..., 0].tolist() == [[0, 1]]
    assert rgb8(np.array([[False, True]]), "it")[..., 0].tolist() == [[0, 255]]


@pytest.mark.parametrize("shape", [(300, 7), (300, 7, 1)])
def test_grey_is_repeated(shape: tuple[int, ...]):
    np.testing.assert_array_equal(rgb8(GREY.reshape(shape), "it"), np.stack([GREY] * 3, axis=-1))


def test_alpha_lies_over_white():
    pixels = np.array([[[100, 0, 200, 255], [100, 0, 200, 0], [100, 0, 200, 51]]], np.uint8)
    # 51 / 255 is a fifth: 20 + 204, 0 + 204, 40 + 204
    expected = [[[100, 0, 200], [255, 255, 255], [224, 204, 244]]]
    assert rgb8(pixels, "it").tolist() == expected
    assert rgb8(pixels / 255, "it").tolist() == expected
    assert rgb8(pixels[..., [0, 3]], "it")[..., 1].tolist() == [[100, 255, 224]]
    assert opaque(np.array([[[20, 0, 40, 51]]], np.uint8), premultiplied=True).tolist() == [[[224, 204, 244]]]


def test_alpha_is_as_pillow_lays_it_over_white():
    rgba = np.random.default_rng(1).integers(0, 256, (64, 64, 4), dtype=np.uint8)
    white = Image.new("RGBA", (64, 64), (255, 255, 255, 255))
    expected = np.asarray(Image.alpha_composite(white, Image.fromarray(rgba)).convert("RGB"))
    found = rgb8(rgba, "it")
    assert np.abs(found.astype(int) - expected).max() <= 1
    exact = (rgba[..., :3].astype(float) * rgba[..., 3:] + 255.0 * (255 - rgba[..., 3:])) / 255
    assert np.abs(found - exact).max() <= 0.5


@pytest.mark.parametrize(
    ("pixels", "found"),
    [
        (RGB.astype(np.uint16) * 257, r"uint16 values from \d+ to 65\d+"),
        (RGB.astype(int) - 300, "int64 values from -300"),
        (np.full((2, 2), np.nan), "float64 values from nan"),
        (np.full((2, 2), "a"), "<U1 values, no numbers"),
        (np.zeros((5, 5, 5)), r"shape \(5, 5, 5\)"),
        (np.zeros((3, 50, 60)), r"shape \(3, 50, 60\)"),
        (np.zeros((2, 4, 5, 3)), r"shape \(2, 4, 5, 3\)"),
        (np.zeros((0, 4)), r"shape \(0, 4"),
    ],
)
def test_what_is_no_picture_is_refused_with_what_it_is(pixels: np.ndarray, found: str):
    with pytest.raises(DatasetError, match=rf"mouse\.h5ad: its image .*{found}.*8-bit grey or RGB"):
        rgb8(pixels, "mouse.h5ad: its image")
