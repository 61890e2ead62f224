"""Pictures in own folders, from the file to the patch: every spot lies on its colour, or the slide is refused.

The small slides that failed once, as their scripts beside the checkout write them, and their kinds under other names,
with another distance between spots and another suffix.
"""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image
from shared_cases import make_case

from stbench.datasets.path import plugin as OwnFolder
from stbench.errors import DatasetError
from stbench.preprocess.patches import PatchSize, patches_of
from stbench.slide import Slide

INNER = 16  # pixels around a spot's centre that are of one colour in every picture here


@pytest.fixture(scope="module")
def cases(shared_data: Path) -> Path:
    """The folder of the scripts that write the slides."""
    folder = shared_data.parent / "cases"
    if not folder.is_dir():
        pytest.skip(f"the scripts that write the slides are not at {folder}")
    return folder


@pytest.fixture(scope="module")
def small(cases: Path) -> ModuleType:
    """What the scripts know of their slides."""
    spec = importlib.util.spec_from_file_location("small", cases / "small.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A function from a script's number to the folder of its slides, written once."""

    @functools.cache
    def write(number: str) -> Path:
        return make_case(number, tmp_path_factory.mktemp("cases") / number)

    return write


def slide_at(folder: Path, name: str) -> Slide:
    return next(source for source in OwnFolder().slides(folder) if source.id == name).read()


def colours(slide: Slide) -> dict[str, np.ndarray]:
    """The mean colour of each spot's patch."""
    patches = patches_of(slide, PatchSize(INNER))
    return dict(zip(slide.spot_ids, patches.mean((1, 2)), strict=True))


def assert_spots_lie_on(slide: Slide, barcodes: list[str], expected: np.ndarray, within: float = 1) -> None:
    found = colours(slide)
    assert list(found) == barcodes
    assert np.abs(np.array([found[barcode] for barcode in barcodes]) - expected).max() <= within


@pytest.mark.parametrize(
    ("number", "slide", "seed", "image"),
    [
        ("02", "a", 1, "image.tif"),
        ("02", "b", 2, "b.JPG"),
        ("02", "c", 3, "c_HE.png"),
        ("02", "d", 4, "slide.svs"),
        ("08", "S1", 1, "S1.png"),
        ("09", "S3", 3, "S3.png"),
        ("13", "S1", 1, "S1.JPG"),
        ("13", "S2", 2, "S2.ome.tif"),
        ("13", "S3", 3, "HE.jpg"),
        ("16", "S1", 1, "S1.jpg"),
        ("16", "S2", 2, "S2.tif"),
        ("18", "S1", 1, "S1.jpg"),
        ("18", "S2", 2, "S2.jpg"),
    ],
)
def test_the_scripts_slides_lie_on_their_colours(
    written: Callable[[str], Path],
    small: ModuleType,
    cache: Path,
    number: str,
    slide: str,
    seed: int,
    image: str,
):
    found = slide_at(written(number), slide)
    truth = small.truth(seed)
    assert found.image.name == image and not found.warnings
    np.testing.assert_array_equal(found.pixel_xy, np.c_[truth["x"], truth["y"]])
    expected = truth["image"][truth["y"], truth["x"]]
    lossy = image.lower().endswith(".jpg")
    assert_spots_lie_on(found, truth["barcodes"], expected, within=6 if lossy else 0)


def test_the_scripts_grey_with_alpha_is_read_and_its_five_channels_are_refused(
    written: Callable[[str], Path], small: ModuleType, cache: Path
):
    folder = written("09")
    truth = small.truth(1)
    red = truth["image"][truth["y"], truth["x"], :1]
    assert_spots_lie_on(slide_at(folder, "S1"), truth["barcodes"], np.repeat(red, 3, axis=1), within=0)
    with pytest.raises(DatasetError, match=r"S2\.tif has 5 channels.*8-bit RGB or grey"):
        slide_at(folder, "S2")


def test_the_scripts_16_bits_are_refused(written: Callable[[str], Path], cache: Path):
    with pytest.raises(DatasetError, match=r"S3\.png has 16-bit values.*8-bit RGB or grey"):
        slide_at(written("08"), "S3")


# --- the same kinds, other names, distances and suffixes -----------------------------------------------------


class Tissue:
    """4 x 5 spots, each on a square of its own colour; `pitch` pixels between them."""

    def __init__(self, pitch: int):
        rows, columns = np.divmod(np.arange(20), 5)
        self.x, self.y = 40 + columns * pitch, 55 + rows * pitch
        self.rows, self.columns = rows, columns
        self.barcodes = [f"spot{k}" for k in range(20)]
        self.colours = np.random.default_rng(pitch).integers(0, 230, (20, 3)).astype(np.uint8)
        self.image = np.full((110 + 3 * pitch, 80 + 4 * pitch, 3), 240, np.uint8)
        for x, y, colour in zip(self.x, self.y, self.colours, strict=True):
            self.image[y - 16 : y + 16, x - 16 : x + 16] = colour

    def write_tables(self, folder: Path, name: str) -> None:
        folder.mkdir(parents=True)
        counts = pd.DataFrame(np.ones((20, 3), int), index=self.barcodes, columns=["A", "B", "C"])
        counts.to_csv(folder / f"{name}_counts.tsv", sep="\t")
        columns = {"array_x": self.columns, "array_y": self.rows, "pixel_x": self.x, "pixel_y": self.y}
        spots = pd.DataFrame({"barcode": self.barcodes} | columns)
        spots.to_csv(folder / f"{name}_spots.tsv", sep="\t", index=False)


def _turned(pixels: np.ndarray, path: Path) -> None:
    """Stored upside down, as tag 3 says."""
    tags = [(274, 3, 1, 3, True)]
    tifffile.imwrite(path, pixels[::-1, ::-1].copy(), photometric="rgb", tile=(64, 64), extratags=tags)


def _mirrored_png(pixels: np.ndarray, path: Path) -> None:
    exif = Image.Exif()
    exif[274] = 5
    Image.fromarray(pixels.swapaxes(0, 1).copy()).save(path, exif=exif)


def _with_alpha(pixels: np.ndarray, path: Path) -> None:
    """The colours are as seen; half clear, they are stored darker."""
    stored = np.clip((pixels.astype(int) - 127) * 2, 0, 255).astype(np.uint8)
    alpha = np.full(pixels.shape[:2], 128, np.uint8)
    Image.fromarray(np.dstack([stored, alpha])).save(path)


def _trailed(pixels: np.ndarray, path: Path) -> None:
    Image.fromarray(pixels).save(path, format="JPEG", quality=100, subsampling=0)
    path.write_bytes(path.read_bytes() + b"scanner" * 2_000)


WAYS: dict[str, tuple[str, Callable[[np.ndarray, Path], None]]] = {
    "turned": ("Mouse 7.SVS", _turned),
    "mirrored": ("HE.PNG", _mirrored_png),
    "trailer": ("Mouse 7_HE.JPEG", _trailed),
    "tiles": (
        "image.qptiff",
        lambda pixels, path: tifffile.imwrite(
            path, pixels, photometric="rgb", tile=(32, 32), compression="lzw"
        ),
    ),
    "OME": (
        "mouse 7.OME.TIFF",
        lambda pixels, path: tifffile.imwrite(path, pixels, photometric="rgb", ome=True),
    ),
    "planes": (
        "scan.btf",
        lambda pixels, path: tifffile.imwrite(path, np.moveaxis(pixels, 2, 0).copy(), photometric="rgb"),
    ),
}


@pytest.mark.parametrize("pitch", [33, 57])
@pytest.mark.parametrize("way", WAYS)
def test_other_names_distances_and_suffixes(tmp_path: Path, cache: Path, way: str, pitch: int):
    tissue = Tissue(pitch)
    folder = tmp_path / "mine" / "Mouse 7"
    tissue.write_tables(folder, "Mouse 7")
    name, write = WAYS[way]
    write(tissue.image, folder / name)
    slide = slide_at(folder.parent, "Mouse 7")
    assert slide.image.name == name
    assert_spots_lie_on(slide, tissue.barcodes, tissue.colours, within=2 if way == "trailer" else 0)


def test_what_is_half_clear_is_seen_over_white(tmp_path: Path, cache: Path):
    tissue = Tissue(41)
    folder = tmp_path / "mine" / "M"
    tissue.write_tables(folder, "M")
    _with_alpha(tissue.image, folder / "M.png")
    # What cannot be shown over white so dark is at least 127.
    assert_spots_lie_on(
        slide_at(folder.parent, "M"), tissue.barcodes, np.maximum(tissue.colours, 127), within=2
    )
