"""The scale that image files state, in files written with known values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from stbench.errors import DatasetError
from stbench.slide_files.image_scale import stated_microns

PIXELS = np.zeros((48, 64, 3), np.uint8)


def written(path: Path, **options: object) -> Path:
    tifffile.imwrite(path, PIXELS, **{"photometric": "rgb", "tile": (16, 16), **options})
    return path


@pytest.mark.parametrize(
    ("size", "unit", "microns"),
    [
        (0.2738, "µm", 0.2738),
        (273.8, "nm", 0.2738),
        (0.0005, "mm", 0.5),
        (2.5e-5, "cm", 0.25),
        (0.5, None, 0.5),
    ],
)
def test_ome(tmp_path: Path, size: float, unit: str | None, microns: float):
    about = {"axes": "YXS", "PhysicalSizeX": size} | ({"PhysicalSizeXUnit": unit} if unit else {})
    found = stated_microns(written(tmp_path / "a.ome.tif", metadata=about))
    assert found is not None and found.microns == pytest.approx(microns) and "PhysicalSizeX" in found.words


@pytest.mark.parametrize("name", ["a.svs", "B.SVS", "c.tif"])
def test_aperio(tmp_path: Path, name: str):
    text = "Aperio Image Library v11.2.1 \r\n64x48 [0,0 64x48] |AppMag = 40|MPP = 0.2525|ScanScope ID = SS1"
    found = stated_microns(written(tmp_path / name, description=text))
    assert found is not None and found.microns == 0.2525 and "Aperio MPP" in found.words


@pytest.mark.parametrize(
    ("resolution", "unit", "microns"),
    [
        (20_000, "CENTIMETER", 0.5),  # as Hamamatsu and Leica write it
        (50_800, "INCH", 0.5),
        (72, "INCH", None),
        (96, "INCH", None),
        (300, "INCH", None),
        (118, "CENTIMETER", None),  # 300 dpi
        (1, "NONE", None),
        (20_000, "NONE", None),
    ],
)
def test_a_tiffs_resolution_counts_where_its_unit_is_real(
    tmp_path: Path, resolution: float, unit: str, microns: float | None
):
    path = written(tmp_path / "a.tif", resolution=(resolution, resolution), resolutionunit=unit)
    found = stated_microns(path)
    assert (found and round(found.microns, 6)) == microns
    assert found is None or "TIFF resolution" in found.words


def test_what_the_vendor_states_comes_before_the_resolution(tmp_path: Path):
    path = written(
        tmp_path / "a.svs",
        description="Aperio x|MPP = 0.25",
        resolution=(20_000, 20_000),
        resolutionunit="CENTIMETER",
    )
    assert stated_microns(path) == (0.25, "Aperio MPP of the image")


def test_ventana_and_imagej(tmp_path: Path):
    xmp = b'<Metadata><iScan Magnification="40" ScanRes="0.232500" /></Metadata>'
    path = written(tmp_path / "a.bif", extratags=[(700, 1, len(xmp), xmp, True)])
    assert stated_microns(path) == (0.2325, "Ventana ScanRes of the image")
    path = tmp_path / "b.tif"
    tifffile.imwrite(path, PIXELS, imagej=True, resolution=(2.0, 2.0), metadata={"unit": "um"})
    assert stated_microns(path) == (0.5, "ImageJ scale of the image")


def test_files_that_state_none(tmp_path: Path):
    Image.fromarray(PIXELS).save(tmp_path / "a.jpg", dpi=(300, 300))
    Image.fromarray(PIXELS).save(tmp_path / "a.png", dpi=(96, 96))
    written(tmp_path / "a.tif", description="Aperio x|MPP = unknown")
    written(
        tmp_path / "b.ome.tif", metadata={"axes": "YXS", "PhysicalSizeX": 1.0, "PhysicalSizeXUnit": "pixel"}
    )
    for name in ("a.jpg", "a.png", "a.tif", "b.ome.tif"):
        assert stated_microns(tmp_path / name) is None
    with pytest.raises(DatasetError, match=r"absent\.tif cannot be read"):
        stated_microns(tmp_path / "absent.tif")
    (tmp_path / "bad.tif").write_bytes(b"II*\0nothing")
    with pytest.raises(DatasetError, match=r"bad\.tif is no readable TIFF"):
        stated_microns(tmp_path / "bad.tif")
