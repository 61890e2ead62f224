"""SpatialData stores as spatialdata itself writes them, and as spatialdata-io makes them of a vendor's folder."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tifffile
from slide_files import xenium_output
from slide_files.xenium_output import ALIGNMENT, BIN, EXPECTED, GENES, MOLECULES, PIXEL, locations, picture

from stbench.contract import ReadingOptions
from stbench.errors import DatasetError
from stbench.slide import Slide
from stbench.slide_files.image_scale import StatedScale
from stbench.slide_files.spatialdata_files import is_spatialdata, read_spatialdata, spatialdata_files

pytestmark = pytest.mark.usefixtures("cache")
# Quality is the vendor's; a store's molecules are all that somebody has kept.
KEPT = [molecule for molecule in MOLECULES if molecule[3] >= 20]


def read(folder: Path, bin_um: float | None = BIN, **more: Any) -> Slide:
    reading = ReadingOptions(bin_um=bin_um)
    return read_spatialdata("S1", spatialdata_files(folder), patient="A", reading=reading, **more)


def by_spot(slide: Slide) -> dict[str, list[int]]:
    return dict(zip(slide.spot_ids, slide.counts.toarray().tolist(), strict=True))


def test_without_the_extra_one_sentence_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "spatialdata", None)
    (tmp_path / "images").mkdir()
    (tmp_path / "zarr.json").write_text("{}")
    assert is_spatialdata(tmp_path) and not is_spatialdata(tmp_path / "images")
    with pytest.raises(
        DatasetError, match=r"needs the extra spatialdata: pip install 'stbench\[spatialdata\]'"
    ):
        read(tmp_path)


@pytest.fixture
def spatialdata() -> Any:
    return pytest.importorskip("spatialdata", reason="the extra spatialdata is not installed")


def points(spatialdata: Any) -> Any:
    """Molecules in microns, which `global`, the morphology image's pixels, holds 1 / PIXEL times as large."""
    x, y, names, _ = zip(*KEPT, strict=True)
    places = locations(np.stack([x, y], axis=1))
    table = pd.DataFrame({"x": places[:, 0], "y": places[:, 1], "target": pd.Categorical(names)})
    scale = spatialdata.transformations.Scale([1 / PIXEL, 1 / PIXEL], axes=("x", "y"))
    parse = spatialdata.models.PointsModel.parse
    return parse(table, feature_key="target", transformations={"global": scale}, npartitions=2)


def image(spatialdata: Any, pixels: np.ndarray, **how: Any) -> Any:
    affine = spatialdata.transformations.Affine(ALIGNMENT, input_axes=("x", "y"), output_axes=("x", "y"))
    parse = spatialdata.models.Image2DModel.parse
    return parse(pixels, dims=("y", "x", "c"), transformations={"global": affine}, **how)


@pytest.mark.parametrize("how", [{}, {"scale_factors": [2]}], ids=["one size", "pyramid"])
def test_molecules_are_counted_in_bins_of_the_picture(spatialdata: Any, tmp_path: Path, how: dict):
    fluorescence = spatialdata.models.Image2DModel.parse(
        np.zeros((1, 60, 80), np.uint16), dims=("c", "y", "x")
    )
    store = spatialdata.SpatialData(
        images={"tissue": image(spatialdata, picture(), **how), "morphology": fluorescence},
        points={"transcripts": points(spatialdata)},
    )
    store.write(tmp_path / "S1.zarr")
    slide = read(tmp_path / "S1.zarr")
    assert slide.genes == GENES and by_spot(slide) == EXPECTED
    np.testing.assert_allclose(slide.pixel_xy, [[50, 50], [150, 50], [250, 150]])
    np.testing.assert_array_equal(tifffile.imread(slide.image), picture())
    assert slide.microns_per_pixel == pytest.approx(0.4) and slide.platform == "in situ"
    assert slide.scale_source == "units of S1.zarr, taken as microns"
    assert any("taken as microns" in warning for warning in slide.warnings)
    with pytest.raises(DatasetError, match="--bin 55 say"):
        read(tmp_path / "S1.zarr", bin_um=None)


def test_a_stated_scale_overrules_the_assumption(spatialdata: Any, tmp_path: Path):
    pixels = image(spatialdata, picture())
    spatialdata.SpatialData(images={"he": pixels}, points={"t": points(spatialdata)}).write(
        tmp_path / "S1.zarr"
    )
    slide = read(tmp_path / "S1.zarr", bin_um=80.0, stated=StatedScale(0.8, "um_per_px of slides.csv"))
    assert by_spot(slide) == EXPECTED
    assert slide.scale_source == "um_per_px of slides.csv"
    assert slide.warnings == ("2 of 7 molecules lie outside the picture's bins and are left out",)


def test_without_molecules_the_cells_of_a_bin_are_summed(spatialdata: Any, tmp_path: Path):
    from anndata import AnnData

    middles = locations(np.array([[20.0, 20], [80, 90], [250, 150], [-50, 20]]))
    scale = spatialdata.transformations.Scale([1 / PIXEL, 1 / PIXEL], axes=("x", "y"))
    cells = spatialdata.models.ShapesModel.parse(
        middles, geometry=0, radius=1.0, index=pd.Index([7, 8, 9, 10]), transformations={"global": scale}
    )
    # The table has its cells in another order, and leaves one of them out.
    counts = np.array([[1, 0, 5], [2, 3, 5], [4, 4, 5]])
    obs = pd.DataFrame({"region": pd.Categorical(["cells"] * 3), "cell": [9, 7, 8]}, index=list("abc"))
    table = AnnData(counts.astype(np.float32), obs=obs, var=pd.DataFrame(index=["CD3E", "EPCAM", "NegPrb1"]))
    spatialdata.SpatialData(
        images={"he": image(spatialdata, picture())},
        shapes={"cells": cells},
        tables={
            "table": spatialdata.models.TableModel.parse(
                table, region="cells", region_key="region", instance_key="cell"
            )
        },
    ).write(tmp_path / "S1.zarr")
    slide = read(tmp_path / "S1.zarr")
    assert slide.genes == ("CD3E", "EPCAM")
    assert by_spot(slide) == {"0x0": [6, 7], "2x1": [1, 0]}


def test_a_vendor_s_folder_through_spatialdata_io_gives_the_same(spatialdata: Any, tmp_path: Path):
    """What spatialdata-io makes of a Xenium folder: its reading of the alignment, and ours."""
    vendor = pytest.importorskip("spatialdata_io", reason="the extra spatialdata is not installed")
    from stbench.slide_files.xenium_files import read_xenium, xenium_files

    folder = xenium_output.write_xenium(tmp_path / "outs")
    aligned = vendor.xenium_aligned_image(
        folder / "Sample_he_image.ome.tif", folder / "Sample_he_imagealignment.csv"
    )
    store = spatialdata.SpatialData(images={"he_image": aligned}, points={"transcripts": points(spatialdata)})
    store.attrs["spatialdata_io_reader"] = "xenium"
    store.write(tmp_path / "S1.zarr")
    through = read(tmp_path / "S1.zarr")
    direct = read_xenium("S1", xenium_files(folder), patient="A", reading=ReadingOptions(bin_um=BIN))
    assert by_spot(through) == by_spot(direct) == EXPECTED
    assert through.platform == direct.platform == "Xenium"
    np.testing.assert_allclose(through.pixel_xy, direct.pixel_xy)
    np.testing.assert_array_equal(tifffile.imread(through.image), picture())


def test_what_is_unclear_is_one_sentence(spatialdata: Any, tmp_path: Path):
    pixels = image(spatialdata, picture())
    two = {"first": pixels, "second": pixels}
    spatialdata.SpatialData(images=two, points={"t": points(spatialdata)}).write(tmp_path / "two.zarr")
    with pytest.raises(
        DatasetError, match=r"holds first, second: one image of three colours, called he_image"
    ):
        read(tmp_path / "two.zarr")
    spatialdata.SpatialData(images={"he": pixels}).write(tmp_path / "none.zarr")
    with pytest.raises(DatasetError, match=r"holds neither molecules \(points\) nor one table of cells"):
        read(tmp_path / "none.zarr")
    elsewhere = points(spatialdata)
    spatialdata.transformations.remove_transformation(elsewhere, "global")
    spatialdata.transformations.set_transformation(elsewhere, spatialdata.transformations.Identity(), "other")
    spatialdata.SpatialData(images={"he": pixels}, points={"t": elsewhere}).write(tmp_path / "apart.zarr")
    with pytest.raises(DatasetError, match="does not say how its molecules lie on its picture"):
        read(tmp_path / "apart.zarr")
    (tmp_path / "apart.zarr" / "zarr.json").write_text("{")
    with pytest.raises(DatasetError, match="cannot be read as SpatialData"):
        read(tmp_path / "apart.zarr")
