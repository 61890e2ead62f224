"""A provider's own patches against the image: the same places, exchanged axes, and files that are none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image
from scipy import ndimage, sparse

from stbench.commands.inspecting.published_patches import doubtful_patches
from stbench.errors import DatasetError
from stbench.registry import load_dataset
from stbench.slide import Slide
from stbench.slide_files.hest_patches import read_hest_patches

MICRONS_PER_PIXEL = 1.0
EDGE = 112  # pixels at one micron each, of HEST's 112 microns


@pytest.fixture
def slide(tmp_path: Path) -> Slide:
    """Cloudy tissue, 900 x 500 px, seven spots."""
    clouds = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=(500, 900)), 12)
    pixels = np.uint8(255 * (clouds - clouds.min()) / np.ptp(clouds))
    (tmp_path / "wsis").mkdir()
    Image.fromarray(np.stack([pixels] * 3, axis=2)).save(tmp_path / "wsis" / "NCBI681.tif")
    xy = np.array([[100, 90], [250, 120], [400, 400], [550, 200], [650, 350], [800, 150], [820, 420]], float)
    return Slide(
        id="NCBI681",
        patient=None,
        platform="Visium",
        image=tmp_path / "wsis" / "NCBI681.tif",
        spot_ids=tuple(f"SPOT{i}-1" for i in range(7)),
        pixel_xy=xy,
        array_row_column=np.stack([np.arange(7), np.arange(7)], axis=1),
        counts=sparse.csr_matrix(np.ones((7, 2), dtype=int)),
        genes=("A", "B"),
        microns_per_pixel=MICRONS_PER_PIXEL,
    )


def write_patches(slide: Slide, order=(3, 0, 6, 1, 5), **changes: object) -> Path:
    """HEST's format, in an order of its own: img, coords, and barcodes as one column of bytes."""
    image = np.asarray(Image.open(slide.image))
    corners = (slide.pixel_xy[list(order)] - EDGE // 2).astype(int)
    cut = [Image.fromarray(image[y : y + EDGE, x : x + EDGE]).resize((224, 224)) for x, y in corners]
    parts = {
        "img": np.stack(list(map(np.asarray, cut))),
        "coords": corners,
        "barcode": np.array([[slide.spot_ids[i].encode()] for i in order], dtype="S"),
    }
    path = slide.image.parent.parent / "patches" / f"{slide.id}.h5"
    path.parent.mkdir(exist_ok=True)
    with h5py.File(path, "w") as file:
        for name, values in (parts | changes).items():
            if values is not None:
                file[name] = values
    return path


def test_patches_of_the_same_places_raise_no_doubt(slide):
    patches = read_hest_patches(write_patches(slide))
    assert patches.spot_ids == ("SPOT3-1", "SPOT0-1", "SPOT6-1", "SPOT1-1", "SPOT5-1")
    assert patches.read([1, 3]).shape == (2, 224, 224, 3)
    assert doubtful_patches(slide, patches) == []


def test_exchanged_axes_and_spots_in_another_order_are_seen(slide):
    patches = read_hest_patches(write_patches(slide))
    for wrong in (slide.pixel_xy[:, ::-1], np.roll(slide.pixel_xy, 1, axis=0)):
        (doubt,) = doubtful_patches(replace(slide, pixel_xy=wrong), patches)
        assert "published patches show something else" in doubt


def test_patches_of_another_slide_are_said(slide):
    strange = np.array([[b"OTHER-1"]] * 5)
    patches = read_hest_patches(write_patches(slide, barcode=strange))
    assert doubtful_patches(slide, patches) == ["no published patch is of one of the slide's spots"]


def test_nothing_to_compare_raises_no_doubt(slide):
    assert doubtful_patches(slide, None) == []
    patches = read_hest_patches(write_patches(slide))
    assert doubtful_patches(replace(slide, microns_per_pixel=None), patches) == []


@pytest.mark.parametrize(
    "changes",
    [{"img": None}, {"barcode": None}, {"barcode": np.array([[b"SPOT1-1"]])}, {"img": np.zeros((5, 2, 2))}],
)
def test_a_file_that_is_no_patch_file_is_named(slide, changes):
    path = write_patches(slide, **changes)
    with pytest.raises(DatasetError, match=path.name):
        read_hest_patches(path)


def test_hest_slides_find_them_beside_the_image(slide):
    dataset = load_dataset("hest-lymph-node")()
    assert dataset.published_patches(slide) is None
    write_patches(slide)
    found = dataset.published_patches(slide)
    assert found is not None and len(found.spot_ids) == 5
