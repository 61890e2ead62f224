"""Sizes and wholeness of image files, told from headers: JPEG, PNG and TIFF of several kinds."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from stbench.errors import DatasetError
from stbench.slide_files.image_cache import gunzipped_image
from stbench.slide_files.images import image_size

PIXELS = np.random.default_rng(0).integers(0, 255, (70, 150, 3), dtype=np.uint8)


def write(path: Path) -> Path:
    if path.suffix == ".tif":
        tifffile.imwrite(path, PIXELS, tile=(32, 32), compression="zlib", photometric="rgb")
    else:
        Image.fromarray(PIXELS).save(path)
    return path


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif"])
def test_size_is_width_then_height(tmp_path: Path, name: str):
    assert image_size(write(tmp_path / name)) == (150, 70)


def test_a_pyramids_size_is_that_of_its_full_resolution(tmp_path: Path):
    for name, written_below in (("pages.tif", False), ("below.tif", True)):
        with tifffile.TiffWriter(tmp_path / name, bigtiff=True) as tiff:
            for step in (1, 2):
                tiff.write(
                    PIXELS[::step, ::step],
                    tile=(32, 32),
                    photometric="rgb",
                    compression="jpeg",
                    subifds=1 if written_below and step == 1 else None,
                    subfiletype=int(step > 1),
                )
        assert image_size(tmp_path / name) == (150, 70)


@pytest.mark.parametrize("share", [0.5, 0.97])
@pytest.mark.parametrize(("name", "kind"), [("a.jpg", "JPEG"), ("a.png", "PNG"), ("a.tif", "TIFF")])
def test_truncated_images_are_named(tmp_path: Path, name: str, kind: str, share: float):
    path = write(tmp_path / name)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(DatasetError, match=rf"{name} is (a truncated {kind}|no readable {kind}) image"):
        image_size(path)


def _with_thumbnail(path: Path) -> Path:
    """A JPEG whose EXIF holds a whole JPEG, with an end of its own."""
    small = io.BytesIO()
    Image.fromarray(PIXELS[:8, :8]).save(small, "JPEG")
    exif = b"Exif\0\0" + small.getvalue()
    Image.fromarray(PIXELS).save(path, exif=exif)
    return path


@pytest.mark.parametrize(
    "trailer", [bytes(9_000), b"\xff\xd8\xff\xe1" + bytes(5_000), b"maker's note" * 1_000]
)
@pytest.mark.parametrize("name", ["a.jpg", "photo.JPEG", "a.png"])
def test_what_follows_the_images_own_end_is_no_matter(tmp_path: Path, name: str, trailer: bytes):
    path = write(tmp_path / name)
    path.write_bytes(path.read_bytes() + trailer)
    assert image_size(path) == (150, 70)


@pytest.mark.parametrize("options", [{"progressive": True}, {"restart_marker_rows": 1}, {"quality": 100}])
def test_jpegs_of_all_structures_are_whole_and_cut_ones_are_not(tmp_path: Path, options: dict[str, int]):
    path = tmp_path / "a.jpg"
    Image.fromarray(PIXELS).save(path, **options)
    assert image_size(path) == (150, 70)
    whole = path.read_bytes()
    for length in (len(whole) - 1, len(whole) - 2, len(whole) * 2 // 3):
        path.write_bytes(whole[:length] + bytes(9_000))  # as a download that was resumed into a larger file
        with pytest.raises(DatasetError, match=r"a\.jpg is a truncated JPEG"):
            image_size(path)


def test_the_end_of_a_thumbnail_is_not_the_images(tmp_path: Path):
    path = _with_thumbnail(tmp_path / "a.jpg")
    assert image_size(path) == (150, 70)
    path.write_bytes(path.read_bytes()[:-200])
    assert b"\xff\xd9" in path.read_bytes()
    with pytest.raises(DatasetError, match=r"a\.jpg is a truncated JPEG"):
        image_size(path)


def test_a_turned_picture_has_the_size_that_is_displayed(tmp_path: Path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(PIXELS).save(tmp_path / "a.jpg", exif=exif)
    tifffile.imwrite(tmp_path / "a.tif", PIXELS, photometric="rgb", extratags=[(274, 3, 1, 8, True)])
    assert image_size(tmp_path / "a.jpg") == image_size(tmp_path / "a.tif") == (70, 150)


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif"])
def test_pointers_texts_and_absent_files_are_named(tmp_path: Path, name: str):
    path = tmp_path / name
    with pytest.raises(DatasetError, match=rf"{name} cannot be read"):
        image_size(path)
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    with pytest.raises(DatasetError, match=rf"{name} is a Git-LFS pointer"):
        image_size(path)
    path.write_text("<html>not found</html>")
    with pytest.raises(DatasetError, match=rf"{name} is no readable"):
        image_size(path)


def test_a_gzipped_image_is_unpacked_once_into_the_cache(tmp_path: Path, cache: Path):
    plain = write(tmp_path / "a.jpg")
    packed = tmp_path / "a.jpg.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    unpacked = gunzipped_image(packed)
    assert unpacked.read_bytes() == plain.read_bytes()
    assert unpacked.suffix == ".jpg" and unpacked.parent == cache / "images"
    before = unpacked.stat().st_mtime_ns
    assert gunzipped_image(packed).stat().st_mtime_ns == before
    packed.write_bytes(packed.read_bytes()[:-20])
    with pytest.raises(DatasetError, match=r"a\.jpg\.gz cannot be read whole"):
        gunzipped_image(packed)
    assert [path.suffix for path in (cache / "images").iterdir() if path.suffix != ".lock"] == [".jpg"]
