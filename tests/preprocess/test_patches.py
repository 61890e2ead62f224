"""Patches are what lies around a spot: against slices of the image, in pixels and in microns, cached once."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tiny_slides import make_slide

from stbench.errors import DatasetError, UsageError
from stbench.pictures.opening import open_image
from stbench.pictures.regions import ROWS_AT_ONCE, UPRIGHT, displayed
from stbench.preprocess import patches
from stbench.preprocess.patches import (
    PatchSize,
    crop,
    cut_in_blocks,
    n_beyond_image,
    patch_identity,
    patches_cached,
    patches_of,
    read_image,
)

EDGE = 16


@pytest.fixture
def slide(tmp_path, cache):
    return make_slide(tmp_path / "slides", "S1", "A", 0)


def _padded_slice(image: np.ndarray, x: float, y: float, edge: int) -> np.ndarray:
    """The window by way of an image with a wide white rim."""
    rim = 200
    padded = np.pad(image, ((rim, rim), (rim, rim), (0, 0)), constant_values=255)
    top, left = round(y) - edge // 2 + rim, round(x) - edge // 2 + rim
    return padded[top : top + edge, left : left + edge]


def test_patches_are_slices_of_the_image(slide):
    found = patches_of(slide, PatchSize(EDGE))
    image = np.asarray(Image.open(slide.image))
    assert (found.shape, found.dtype) == ((slide.n_spots, EDGE, EDGE, 3), np.uint8)
    for patch, (x, y) in zip(found, slide.pixel_xy, strict=True):
        np.testing.assert_array_equal(patch, _padded_slice(image, x, y, EDGE))


@given(st.floats(-60, 110), st.floats(-60, 90), st.integers(1, 50))
def test_what_lies_beyond_the_edge_is_white(x, y, edge):
    image = np.random.default_rng(0).integers(0, 200, (40, 60, 3), dtype=np.uint8)
    window = crop(image, np.array([x, y]), edge)
    np.testing.assert_array_equal(window, _padded_slice(image, x, y, edge))


def test_a_spot_far_outside_the_image_is_all_white(slide):
    outside = replace(slide, pixel_xy=slide.pixel_xy + 10_000)
    assert (patches_of(outside, PatchSize(EDGE)) == 255).all()


def test_microns_are_turned_into_pixels_and_resized(slide):
    known = replace(slide, microns_per_pixel=0.5)
    size = PatchSize(microns=12.0, output_pixels=8)
    assert (size.edge_on(known), size.output_on(known)) == (24, 8)
    found = patches_of(known, size)
    assert found.shape == (slide.n_spots, 8, 8, 3)
    window = crop(np.asarray(Image.open(slide.image)), slide.pixel_xy[7], 24)
    expected = window.reshape(8, 3, 8, 3, 3).mean(axis=(1, 3))  # the mean of 3 x 3 pixels, nearly
    assert np.abs(found[7].astype(float) - expected).mean() < 20
    assert abs(found[7].mean() - window.mean()) < 2
    assert patch_identity(known, size) != patch_identity(known, PatchSize(microns=12.0, output_pixels=9))


def test_a_patch_of_the_right_size_is_not_resampled(slide):
    known = replace(slide, microns_per_pixel=0.5)
    in_microns = patches_of(known, PatchSize(microns=EDGE / 2, output_pixels=EDGE))
    np.testing.assert_array_equal(in_microns, patches_of(slide, PatchSize(EDGE)))


def test_a_slide_without_pixel_size_refuses_microns(slide):
    with pytest.raises(DatasetError, match=r"S1 does not state its microns per pixel.*--patch-px"):
        patches_of(slide, PatchSize(microns=55.0))


def test_sizes_that_show_nothing_are_refused_and_sizes_have_names():
    for size in (
        {"pixels": 0},
        {"microns": 0.0},
        {"microns": -1.0},
        {"microns": float("nan")},
        {"output_pixels": 0},
    ):
        with pytest.raises(UsageError, match="must be positive"):
            PatchSize(**size)
    names = [PatchSize(), PatchSize(112), PatchSize(microns=55), PatchSize(microns=55, output_pixels=112)]
    assert [str(size) for size in names] == ["224 px", "112 px", "55 um at 224 px", "55 um at 112 px"]


def test_a_cache_hit_opens_no_image(slide, monkeypatch):
    first = np.array(patches_of(slide, PatchSize(EDGE)))
    assert patches_cached(slide, PatchSize(EDGE)) and not patches_cached(slide, PatchSize(EDGE + 1))
    monkeypatch.setattr(patches, "open_image", None)
    np.testing.assert_array_equal(patches_of(slide, PatchSize(EDGE)), first)


def test_the_identity_follows_image_bytes_positions_and_size_and_no_path(slide, tmp_path):
    size = PatchSize(EDGE)
    before = patch_identity(slide, size)
    moved = tmp_path / "elsewhere.png"
    moved.write_bytes(slide.image.read_bytes())
    assert patch_identity(replace(slide, image=moved, id="S9", patient="Z"), size) == before
    image = np.array(Image.open(slide.image))
    image[0, 0] = 255 - image[0, 0]
    Image.fromarray(image).save(moved)
    changed = [
        patch_identity(replace(slide, image=moved), size),
        patch_identity(replace(slide, pixel_xy=slide.pixel_xy + np.array([1, 0])), size),
        patch_identity(slide, PatchSize(EDGE + 1)),
    ]
    assert before not in changed


def test_an_image_beyond_pillows_limit_opens_without_warning_and_the_limit_stays(slide, monkeypatch):
    for limit in (5_000, 12_000):  # twice the limit is an error to Pillow, once is a warning
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert read_image(slide.image).shape == (140, 140, 3)
        assert limit == Image.MAX_IMAGE_PIXELS


def test_grey_and_transparent_images_are_read_as_rgb(tmp_path):
    grey = np.arange(12, dtype=np.uint8).reshape(3, 4)
    Image.fromarray(grey).save(tmp_path / "grey.png")
    np.testing.assert_array_equal(read_image(tmp_path / "grey.png"), np.stack([grey] * 3, axis=-1))
    Image.fromarray(np.zeros((3, 4, 4), np.uint8)).save(tmp_path / "clear.png")
    np.testing.assert_array_equal(read_image(tmp_path / "clear.png"), np.full((3, 4, 3), 255))


@pytest.mark.parametrize("size", [1, 7, 1_000])
def test_blocks_hold_every_patch_once_and_store_none(slide, cache, size):
    with open_image(slide.image) as image:
        blocks = list(cut_in_blocks(image, slide.pixel_xy, EDGE, EDGE // 2, size))
    assert all(len(spots) == len(patches) == min(size, slide.n_spots) for spots, patches in blocks[:-1])
    order = np.concatenate([spots for spots, _ in blocks])
    assert sorted(order) == list(range(slide.n_spots))
    assert not (cache / "patches").exists()
    expected = patches_of(slide, PatchSize(EDGE, output_pixels=EDGE // 2))
    np.testing.assert_array_equal(np.concatenate([patches for _, patches in blocks]), expected[order])


def test_blocks_read_each_place_of_the_image_little_more_than_once():
    """Bins close together, as of Visium HD: their windows overlap, yet rows are asked for once and an edge more."""
    asked = []

    def stored(left, top, right, bottom):
        asked.append((right - left) * (bottom - top))
        return np.zeros((bottom - top, right - left, 3), np.uint8)

    side, edge = 4_096, 64
    image = displayed(side, side, stored, UPRIGHT)
    xy = np.stack(np.meshgrid(*[np.arange(40, side - 40, 20)] * 2), axis=-1).reshape(-1, 2)
    xy = np.random.default_rng(0).permutation(xy).astype(float)
    assert sum(len(spots) for spots, _ in cut_in_blocks(image, xy, edge, edge, 32)) == len(xy)
    assert max(asked) <= side * (ROWS_AT_ONCE + edge)
    assert sum(asked) <= side**2 * (1 + edge / ROWS_AT_ONCE)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.95])
def test_a_truncated_jpeg_is_named(slide, tmp_path, share):
    path = tmp_path / "short.jpg"
    Image.open(slide.image).save(path, quality=95)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(DatasetError, match=r"short\.jpg is no readable image.*download it again"):
        patches_of(replace(slide, image=path), PatchSize(EDGE))
    assert not patches_cached(replace(slide, image=path), PatchSize(EDGE))


def test_a_missing_image_is_named(slide, tmp_path):
    with pytest.raises(UsageError, match=r"absent\.jpg cannot be read"):
        patches_of(replace(slide, image=tmp_path / "absent.jpg"), PatchSize(EDGE))


def test_a_patch_in_pixels_may_arrive_smaller(slide):
    size = PatchSize(EDGE, output_pixels=EDGE // 2)
    assert str(size) == "16 px at 8 px"
    found, whole = patches_of(slide, size), patches_of(slide, PatchSize(EDGE))
    assert found.shape == (slide.n_spots, EDGE // 2, EDGE // 2, 3)
    halves = whole.reshape(slide.n_spots, EDGE // 2, 2, EDGE // 2, 2, 3).mean((2, 4))
    inner = np.s_[:, 1:-1, 1:-1]  # an antialiased triangle reaches one pixel beyond a plain 2 x 2 mean
    assert (
        np.abs(found[inner] - halves[inner]).mean() < np.abs(whole[:, ::2, ::2][inner] - halves[inner]).mean()
    )
    assert abs(found.mean() - whole.mean()) < 2


def test_spots_whose_patch_leaves_the_image_are_counted(slide):
    image = np.asarray(Image.open(slide.image))
    assert n_beyond_image(slide, 8) == 0
    for edge in (40, 60, 300):
        padded = 0
        for x, y in slide.pixel_xy:
            left, top = round(x) - edge // 2, round(y) - edge // 2
            padded += left < 0 or top < 0 or left + edge > image.shape[1] or top + edge > image.shape[0]
        assert n_beyond_image(slide, edge) == padded
    assert n_beyond_image(slide, 300) == slide.n_spots
