"""TIFFs are read by region: patches equal those cut from the whole image, and the whole image is never read."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from tiny_slides import make_slide

from stbench.errors import DatasetError
from stbench.pictures.opening import open_image
from stbench.preprocess.patches import PatchSize, crop, n_beyond_image, patches_of

HEIGHT, WIDTH = 1_300, 700
PIXELS = np.kron(
    np.random.default_rng(0).integers(0, 256, (HEIGHT // 10, WIDTH // 10, 3), dtype=np.uint8),
    np.ones((10, 10, 1), dtype=np.uint8),
)


def _pyramid(path: Path, compression: str, below: bool) -> None:
    with tifffile.TiffWriter(path, bigtiff=True) as tiff:
        for step in (1, 2, 4):
            tiff.write(
                PIXELS[::step, ::step],
                tile=(128, 128),
                photometric="rgb",
                compression=compression,
                subifds=2 if below and step == 1 else None,
                subfiletype=int(step > 1),
            )


def _write(pixels: np.ndarray, **options) -> Callable[[Path], None]:
    return lambda path: tifffile.imwrite(path, pixels, **{"photometric": "rgb", **options})


CHANNELS_FIRST = np.ascontiguousarray(np.moveaxis(PIXELS, 2, 0))
KINDS: dict[str, Callable[[Path], None]] = {
    "pyramid of pages, zlib": lambda path: _pyramid(path, "zlib", below=False),
    "pyramid below its page, JPEG": lambda path: _pyramid(path, "jpeg", below=True),
    "plain": _write(PIXELS),
    "strips": _write(PIXELS, rowsperstrip=16, compression="lzw"),
    "one strip": _write(PIXELS, rowsperstrip=HEIGHT, compression="zlib"),
    "planes": _write(CHANNELS_FIRST, planarconfig="separate", tile=(128, 128)),
    "with alpha": _write(
        np.dstack([PIXELS, np.full_like(PIXELS[..., 0], 255)]), tile=(128, 128), extrasamples=["unassalpha"]
    ),
    "grey": _write(PIXELS[..., 1], photometric="minisblack", tile=(128, 128)),
}


@pytest.fixture
def slide(tmp_path: Path, cache: Path):
    """37 spots in no order on a large image, one of them far outside it."""
    slide = make_slide(tmp_path / "slides", "S1", "A", 0)
    rng = np.random.default_rng(1)
    xy = rng.uniform((-20, -20), (WIDTH + 20, HEIGHT + 20), (slide.n_spots, 2)).round(1)
    xy[5] = (10_000, 10_000)
    return replace(slide, pixel_xy=xy)


@pytest.mark.parametrize("kind", KINDS)
def test_patches_equal_those_of_the_whole_image(slide, tmp_path: Path, kind: str):
    path = tmp_path / "slide.tif"
    KINDS[kind](path)
    whole = np.asarray(Image.open(path).convert("RGB"))  # as Pillow decodes it, whole
    on_tiff = replace(slide, image=path)
    found = patches_of(on_tiff, PatchSize(96))
    for patch, centre in zip(found, slide.pixel_xy, strict=True):
        np.testing.assert_array_equal(patch, crop(whole, centre, 96))
    assert n_beyond_image(on_tiff, 96) > 0


def test_the_same_pixels_give_the_same_patches_in_png_and_tiff(slide, tmp_path: Path):
    Image.fromarray(PIXELS).save(tmp_path / "slide.png")
    _pyramid(tmp_path / "slide.tif", "zlib", below=True)
    png, tiff = (replace(slide, image=tmp_path / f"slide.{kind}") for kind in ("png", "tif"))
    np.testing.assert_array_equal(patches_of(png, PatchSize(50)), patches_of(tiff, PatchSize(50)))
    assert n_beyond_image(png, 50) == n_beyond_image(tiff, 50)


def test_channels_in_pages_of_their_own_are_colours(tmp_path: Path):
    path = tmp_path / "slide.ome.tif"
    tifffile.imwrite(
        path, CHANNELS_FIRST, metadata={"axes": "CYX"}, tile=(128, 128), photometric="minisblack"
    )
    with open_image(path) as image:
        assert (image.width, image.height) == (WIDTH, HEIGHT)
        np.testing.assert_array_equal(image.region(100, 200, 150, 260), PIXELS[200:260, 100:150])


def test_a_large_image_is_never_held_whole(slide, tmp_path: Path):
    side, tile = 9_216, 512
    path = tmp_path / "large.tif"
    blank = np.full((tile, tile, 3), 180, dtype=np.uint8)
    tifffile.imwrite(
        path,
        (blank for _ in range((side // tile) ** 2)),
        shape=(side, side, 3),
        dtype=np.uint8,
        tile=(tile, tile),
        photometric="rgb",
        compression="zlib",
    )
    spread = replace(slide, image=path, pixel_xy=np.random.default_rng(0).uniform(300, side - 300, (36, 2)))
    tracemalloc.start()
    found = patches_of(spread, PatchSize(224))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (found == 180).all()
    assert peak < side * side * 3 / 4


@pytest.mark.parametrize(
    ("write", "reason"),
    [
        (_write(PIXELS.astype(np.uint16)), "uint16 values"),
        (_write(PIXELS, photometric="cielab"), "colours CIELAB"),
        (_write(np.stack([PIXELS[..., 0]] * 5), photometric="minisblack"), "axes [A-Z]YX"),
    ],
)
def test_tiffs_of_other_kinds_are_refused(slide, tmp_path: Path, write: Callable[[Path], None], reason: str):
    path = tmp_path / "other.tif"
    write(path)
    with pytest.raises(DatasetError, match=rf"other\.tif has .*{reason}.*8-bit RGB"):
        patches_of(replace(slide, image=path), PatchSize(16))


@pytest.mark.parametrize("share", [0.0, 0.1, 0.3])
def test_truncated_tiffs_are_named(slide, tmp_path: Path, share: float):
    path = tmp_path / "short.tif"
    KINDS["pyramid of pages, zlib"](path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    slide = replace(slide, image=path)
    with pytest.raises(DatasetError, match=r"short\.tif is no readable TIFF image"):
        patches_of(slide, PatchSize(16))


def test_a_damaged_tile_is_named(slide, tmp_path: Path):
    path = tmp_path / "bad.tif"
    KINDS["strips"](path)
    with tifffile.TiffFile(path) as tiff:
        offset, size = tiff.pages.first.dataoffsets[3], tiff.pages.first.databytecounts[3]
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(b"\xff" * size)
    with pytest.raises(DatasetError, match=r"bad\.tif is no readable TIFF image"):
        patches_of(replace(slide, image=path), PatchSize(96))
