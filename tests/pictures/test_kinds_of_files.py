"""Files of every kind that Pillow and tifffile write show the same known colours; what has none is refused by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from stbench.errors import DatasetError
from stbench.pictures.opening import image_extent, open_image, read_image

RANDOM = np.random.default_rng(0)
RGB = np.kron(RANDOM.integers(0, 256, (9, 14, 3), dtype=np.uint8), np.ones((10, 10, 1), np.uint8))
GREY = np.ascontiguousarray(RGB[..., 1])
ALPHA = np.kron(RANDOM.integers(0, 256, (9, 14), dtype=np.uint8), np.ones((10, 10), np.uint8))
PLANES = np.ascontiguousarray(np.moveaxis(RGB, 2, 0))
Write = Callable[[Path], object]


def over_white(colours: np.ndarray) -> np.ndarray:
    share = ALPHA[..., None] / 255
    return colours * share + 255 * (1 - share)


def grey(values: np.ndarray) -> np.ndarray:
    return np.stack([values] * 3, axis=-1)


def pillow(pixels: np.ndarray, mode: str | None = None, **options: object) -> Write:
    image = Image.fromarray(pixels)
    return lambda path: (image.convert(mode) if mode else image).save(path, **options)


def tiff(pixels: np.ndarray, **options: object) -> Write:
    return lambda path: tifffile.imwrite(path, pixels, **{"photometric": "rgb", **options})


def _indexed(path: Path) -> None:
    """A palette of 14 x 9 colours, one of them clear."""
    image = Image.fromarray(RGB).quantize(126)
    image.save(path, transparency=image.getpixel((0, 0)))


def _as_indexed() -> np.ndarray:
    image = Image.fromarray(RGB).quantize(126)
    expected = np.array(image.convert("RGB"))
    expected[np.asarray(image) == image.getpixel((0, 0))] = 255
    return expected


def _tiff_palette(path: Path) -> None:
    colours = np.arange(256, dtype=np.uint16)
    tifffile.imwrite(
        path, GREY, photometric="palette", colormap=np.stack([colours, 255 - colours, colours // 2]) * 257
    )


PREMULTIPLIED = np.rint(RGB * (ALPHA[..., None] / 255)).astype(np.uint8)
CMYK = np.dstack([255 - RGB, np.zeros_like(GREY)])  # without black, 255 less an ink is its colour
KINDS: dict[str, tuple[str, Write, np.ndarray]] = {
    "RGB": ("a.png", pillow(RGB), RGB),
    "grey": ("a.PNG", pillow(GREY), grey(GREY)),
    "grey and alpha": ("a.png", pillow(np.dstack([GREY, ALPHA])), over_white(grey(GREY))),
    "RGBA": ("a.png", pillow(np.dstack([RGB, ALPHA])), over_white(RGB)),
    "clear colour": (
        "a.png",
        pillow(RGB, transparency=tuple(int(c) for c in RGB[0, 0])),
        np.where((RGB[0, 0] == RGB).all(2, keepdims=True), 255, RGB),
    ),
    "palette": ("a.png", pillow(RGB, "P"), np.asarray(Image.fromarray(RGB).convert("P").convert("RGB"))),
    "palette and a clear colour": ("a.png", _indexed, _as_indexed()),
    "black and white": ("a.png", pillow(GREY > 127), grey((GREY > 127) * 255)),
    "TIFF": ("a.tif", tiff(RGB), RGB),
    "TIFF, grey and alpha": (
        "a.TIF",
        tiff(
            np.dstack([GREY, ALPHA]),
            photometric="minisblack",
            planarconfig="contig",
            extrasamples=["unassalpha"],
        ),
        over_white(grey(GREY)),
    ),
    "TIFF, RGBA": ("a.tiff", tiff(np.dstack([RGB, ALPHA]), extrasamples=["unassalpha"]), over_white(RGB)),
    "TIFF, RGBA premultiplied": (
        "a.tif",
        tiff(np.dstack([PREMULTIPLIED, ALPHA]), extrasamples=["assocalpha"], tile=(32, 32)),
        PREMULTIPLIED + 255 * (1 - ALPHA[..., None] / 255),
    ),
    "TIFF, a fourth sample unexplained": ("a.tif", tiff(np.dstack([RGB, ALPHA]), extrasamples=[0]), RGB),
    "TIFF, RGBA in planes": (
        "a.tif",
        tiff(np.concatenate([PLANES, ALPHA[None]]), planarconfig="separate", extrasamples=["unassalpha"]),
        over_white(RGB),
    ),
    "TIFF, white is zero": ("a.tif", tiff(255 - GREY, photometric="miniswhite", tile=(32, 32)), grey(GREY)),
    "TIFF, black and white": ("a.tif", tiff(GREY > 127, photometric="minisblack"), grey((GREY > 127) * 255)),
    "TIFF, palette": ("a.tif", _tiff_palette, np.dstack([GREY, 255 - GREY, GREY // 2])),
    "TIFF, CMYK": ("a.tif", tiff(CMYK, photometric="separated", tile=(32, 32), compression="zlib"), RGB),
    "TIFF, three pages of colours": (
        "a.tif",
        tiff(PLANES, photometric="minisblack", metadata={"axes": "CYX"}),
        RGB,
    ),
    "TIFF by Pillow": ("a.btf", pillow(RGB, format="TIFF", compression="tiff_lzw"), RGB),
    "a TIFF called PNG": ("a.png", tiff(RGB), RGB),
    "a PNG called TIFF": ("a.tif", pillow(RGB, format="PNG"), RGB),
    "whole-slide suffix": ("A.SVS", pillow(RGB, format="TIFF"), RGB),
}


@pytest.mark.parametrize("kind", KINDS)
def test_known_pixels_come_back(tmp_path: Path, kind: str):
    name, write, expected = KINDS[kind]
    path = tmp_path / name
    write(path)
    assert image_extent(path) == (140, 90)
    found = read_image(path)
    assert (found.shape, found.dtype) == ((90, 140, 3), np.uint8)
    assert np.abs(found - expected.astype(float)).max() <= (0 if expected.dtype == np.uint8 else 1)
    with open_image(path) as image:
        np.testing.assert_array_equal(image.region(37, 21, 101, 64), found[21:64, 37:101])
        np.testing.assert_array_equal(image.region(-5, -9, 12, 13), found[:13, :12])
        assert image.region(200, 0, 300, 10).size == 0


@pytest.mark.parametrize("name", ["a.jpg", "a.JPEG"])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_colours_of_a_jpeg_are_those_that_were_saved(tmp_path: Path, mode: str, name: str):
    expected = np.asarray(Image.fromarray(RGB).convert(mode).convert("RGB"))
    pillow(RGB, mode, format="JPEG", quality=100, subsampling=0)(tmp_path / name)
    assert np.abs(read_image(tmp_path / name).astype(int) - expected).max() <= 3


@pytest.mark.parametrize(
    "compression", ["jpeg", "aperio_jp2000_ycbc", "aperio_jp2000_rgb", "jpeg_2000_lossy"]
)
def test_whole_slide_compressions_show_their_colours(tmp_path: Path, compression: str):
    """What scanners write: JPEG and JPEG 2000, of which one kind holds YCbCr that nobody else turns back."""
    pixels, photometric = RGB, "rgb"
    if compression == "aperio_jp2000_ycbc":
        pixels, photometric = np.asarray(Image.fromarray(RGB).convert("YCbCr")), "ycbcr"
    level = {"compressionargs": {"level": 100}} if compression == "jpeg" else {}
    path = tmp_path / "a.svs"
    tifffile.imwrite(
        path,
        pixels,
        photometric=photometric,
        compression=compression,
        tile=(64, 64),
        subsampling=(1, 1),
        **level,
    )
    assert np.abs(read_image(path).astype(int) - RGB).max() <= 4


def channels(number: int, **about: object) -> Write:
    planes = np.concatenate([PLANES] * 2)[:number]
    return tiff(planes, photometric="minisblack", metadata={"axes": "CYX", **about})


STAINS = {"Name": ["DAPI", "FITC", "Cy5"]}
REFUSED: dict[str, tuple[str, Write, str]] = {
    "16-bit grey": ("a.png", pillow(GREY.astype(np.uint16) * 257), r"16-bit values"),
    "16-bit TIFF": ("a.tif", tiff(RGB.astype(np.uint16)), r"uint16 values of 16 bits"),
    "fractions": ("a.tif", tiff(RGB.astype(np.float32)), r"float32 values of 32 bits"),
    "4 bits": (
        "a.tif",
        tiff(GREY >> 4, photometric="minisblack", bitspersample=4),
        r"uint8 values of 4 bits",
    ),
    "two channels": ("a.tif", channels(2), r"axes CYX of shape \(2,"),
    "four channels": ("a.tif", channels(4), r"axes CYX of shape \(4,"),
    "five channels": ("a.tif", channels(5), r"5 channels, more than colours have \(axes CYX"),
    "five samples": (
        "a.tif",
        tiff(np.dstack([RGB, RGB])[..., :5], extrasamples=[0, 0]),
        r"shape \(90, 140, 5\)",
    ),
    "fluorescence": ("a.ome.tif", channels(3, Channel=STAINS), r"3 channels of fluorescence"),
    "a stack": ("a.tif", tiff(np.stack([RGB] * 2), metadata={"axes": "ZYXS"}), r"axes ZYXS"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_has_no_8_bit_colours_is_refused_with_what_it_is(tmp_path: Path, kind: str):
    name, write, found = REFUSED[kind]
    path = tmp_path / name
    write(path)
    sentence = rf"{name} has .*{found}.*; one 8-bit RGB or grey image is needed"
    for read in (read_image, image_extent):
        with pytest.raises(DatasetError, match=sentence):
            read(path)


def test_a_png_with_16_bits_in_each_colour_is_refused_though_pillow_reads_its_upper_8(tmp_path: Path):
    import imagecodecs

    path = tmp_path / "deep.png"
    path.write_bytes(imagecodecs.png_encode(RGB.astype(np.uint16) * 257))
    assert Image.open(path).mode == "RGB"
    with pytest.raises(DatasetError, match=r"deep\.png has 16-bit values in each channel"):
        read_image(path)
