"""Whole slides as scanners write them: the full resolution is read, whatever number its series has."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from stbench.errors import DatasetError
from stbench.pictures.opening import image_extent, open_image, read_image
from stbench.slide_files.image_scale import stated_microns
from stbench.slide_files.images import image_size

PIXELS = np.kron(
    np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8), np.ones((16, 16, 1), np.uint8)
)
TILES = {"photometric": "rgb", "tile": (64, 64), "compression": "zlib"}
APERIO = "Aperio Image Library v12\n640x480 [0,0 640x480] |AppMag = 20|MPP = 0.4990|Filename = 1"


def write_svs(path: Path) -> None:
    """Baseline, thumbnail, half the size, label and macro, the last larger than the baseline."""
    with tifffile.TiffWriter(path) as tiff:
        # Without metadata: tifffile would describe the pages its own way, as no scanner does.
        tiff.write(PIXELS, description=APERIO, metadata=None, **TILES)
        tiff.write(
            np.full((60, 80, 3), 9, np.uint8),
            photometric="rgb",
            metadata=None,
            description="Aperio thumbnail",
        )
        tiff.write(PIXELS[::2, ::2], description="Aperio half", metadata=None, **TILES)
        tiff.write(
            np.full((50, 50, 3), 7, np.uint8),
            photometric="rgb",
            metadata=None,
            subfiletype=1,
            description="Aperio label",
        )
        tiff.write(
            np.full((900, 900, 3), 5, np.uint8),
            photometric="rgb",
            metadata=None,
            subfiletype=9,
            description="Aperio macro",
        )


def write_ome(path: Path) -> None:
    """A label first, then the tissue with a level below it."""
    with tifffile.TiffWriter(path, ome=True) as tiff:
        about = {"axes": "YXS", "PhysicalSizeX": 99.0, "PhysicalSizeXUnit": "µm"}
        tiff.write(
            np.full((50, 50, 3), 7, np.uint8), photometric="rgb", metadata=about | {"Name": "label image"}
        )
        about = {"axes": "YXS", "Name": "tissue", "PhysicalSizeX": 273.5, "PhysicalSizeXUnit": "nm"}
        tiff.write(PIXELS, subifds=1, metadata=about, **TILES)
        tiff.write(PIXELS[::2, ::2], subfiletype=1, **TILES)


@pytest.mark.parametrize(
    ("name", "write"),
    [("a.svs", write_svs), ("A.SVS", write_svs), ("a.ome.tif", write_ome), ("B.OME.TIFF", write_ome)],
)
def test_the_full_resolution_is_read(tmp_path: Path, name: str, write):
    path = tmp_path / name
    write(path)
    assert image_extent(path) == image_size(path) == (640, 480)
    np.testing.assert_array_equal(read_image(path), PIXELS)
    with open_image(path, 300) as half:
        assert (half.width, half.height) == (320, 240)
        np.testing.assert_array_equal(half.region(0, 0, 320, 240), PIXELS[::2, ::2])


def test_a_slide_that_was_cut_off_is_named(tmp_path: Path):
    """The tissue lies behind the label, whose data are all there."""
    write_ome(tmp_path / "a.ome.tif")
    path = tmp_path / "cut.ome.tif"
    with tifffile.TiffFile(tmp_path / "a.ome.tif") as tiff:
        page = tiff.series[1].keyframe
        cut = page.dataoffsets[-1] + page.databytecounts[-1] - 10
    path.write_bytes((tmp_path / "a.ome.tif").read_bytes()[:cut])
    with pytest.raises(DatasetError, match=r"cut\.ome\.tif is (a truncated|no readable) TIFF image"):
        image_size(path)


def write_vms(folder: Path) -> Path:
    """A slide in Hamamatsu's older format: a text that names three JPEGs; 640 px are 320 um."""
    folder.mkdir()
    Image.fromarray(PIXELS).save(folder / "tile.jpg", quality=100, subsampling=0, restart_marker_rows=1)
    Image.fromarray(PIXELS[::4, ::4]).save(folder / "map.jpg", restart_marker_rows=1)
    Image.fromarray(PIXELS[::8, ::8]).save(folder / "macro.jpg")
    (folder / "slide.VMS").write_text(
        "[Virtual Microscope Specimen]\nNoLayers=1\nNoJpegColumns=1\nNoJpegRows=1\nImageFile=tile.jpg\n"
        "MapFile=map.jpg\nMacroImage=macro.jpg\nPhysicalWidth=320000\nPhysicalHeight=240000\n"
    )
    return folder / "slide.VMS"


def test_what_is_no_tiff_is_read_by_openslide(tmp_path: Path):
    pytest.importorskip("openslide", reason="the extra [wsi] is not installed")
    path = write_vms(tmp_path / "mouse")
    assert image_extent(path) == image_size(path) == (640, 480)
    assert np.abs(read_image(path).astype(int) - PIXELS).max() <= 3
    with open_image(path) as image:
        assert np.abs(image.region(100, 50, 300, 200).astype(int) - PIXELS[50:200, 100:300]).max() <= 3
    with open_image(path, 320) as half:
        assert (half.width, half.height) == (320, 240)
        expected = PIXELS[160:320, 320:480].mean((0, 1))  # squares of 16 px, whole at half their size
        assert np.abs(half.region(160, 80, 240, 160).mean((0, 1)) - expected).max() < 3
    assert stated_microns(path) == (0.5, "OpenSlide's mpp-x of the image")
    path.write_text("[Virtual Microscope Specimen]\n")
    with pytest.raises(DatasetError, match=r"slide\.VMS is no readable whole-slide image"):
        image_size(path)


def test_without_openslide_the_sentence_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = write_vms(tmp_path / "mouse")
    monkeypatch.setitem(sys.modules, "openslide", None)
    for read in (image_size, read_image, stated_microns):
        with pytest.raises(
            DatasetError, match=r"slide\.VMS is .*OpenSlide.*pip install 'stbench\[wsi\]'.*tiled TIFF"
        ):
            read(path)
