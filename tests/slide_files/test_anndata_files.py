"""Slides in .h5ad: scanpy's Visium convention with its image inside, and with a full-resolution image beside it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
import tifffile
import visium_files as visium
from scipy import sparse

from stbench.errors import DatasetError
from stbench.slide import Slide
from stbench.slide_files.anndata_files import read_anndata, write_scrambled
from stbench.slide_files.image_scale import StatedScale

pytestmark = pytest.mark.usefixtures("cache")


def make(path: Path, change: Callable[[Any], None] = lambda data: None) -> Path:
    """A slide as scanpy.read_visium leaves it: all spots on tissue, x before y, image as fractions."""
    spots = visium.IN_TISSUE
    data = anndata.AnnData(sparse.csr_matrix(visium.COUNTS[:, :4].astype(np.float32)))
    data.obs_names, data.var_names = visium.BARCODES, ["MARK", "TP53", "TP53B", "ZERO"]
    data.obs["in_tissue"] = 1
    data.obs["array_row"], data.obs["array_col"] = [s.row for s in spots], [s.column for s in spots]
    data.obs["region"] = pd.Categorical(["immune", "", "tumour", None], categories=["immune", "", "tumour"])
    data.obsm["spatial"] = np.array([[s.pixel_column, s.pixel_row] for s in spots])
    image = visium.paint(visium.HIRES_SCALE).astype(np.float32) / 255
    factors = {"tissue_hires_scalef": visium.HIRES_SCALE, "spot_diameter_fullres": visium.SPOT_DIAMETER}
    data.uns["spatial"] = {"library": {"images": {"hires": image}, "scalefactors": factors, "metadata": {}}}
    change(data)
    data.write_h5ad(path)
    return path


def read(path: Path, **options) -> Slide:
    return read_anndata("S1", {"h5ad": path}, patient="A", **options)


def test_spots_lie_on_the_image_inside(tmp_path: Path, cache: Path):
    slide = read(make(tmp_path / "S1.h5ad"))
    assert slide.spot_ids == tuple(visium.BARCODES)
    visium.assert_spots_lie_on_their_colours(slide)
    assert slide.microns_per_pixel == pytest.approx(5.0)  # 100 microns are 40 px, on hires 20
    assert slide.image.is_relative_to(cache / "images")
    assert list(tmp_path.glob("*.png")) == []
    written = slide.image.stat().st_mtime_ns
    assert read(tmp_path / "S1.h5ad").image.stat().st_mtime_ns == written


def test_spots_lie_on_the_full_image_beside_it(tmp_path: Path):
    path = make(tmp_path / "S1.h5ad", lambda data: data.uns["spatial"]["library"].pop("images"))
    image = tmp_path / "S1.tif"
    tifffile.imwrite(image, visium.paint(), tile=(64, 64), compression="zlib", photometric="rgb")
    slide = read_anndata("S1", {"h5ad": path, "image": image}, patient=None)
    visium.assert_spots_lie_on_their_colours(slide)
    assert (slide.image, slide.patient, slide.microns_per_pixel) == (image, None, pytest.approx(2.5))


def test_a_file_of_hest_tells_no_pixel_size(tmp_path: Path):
    """Its diameter is of 55 or 100 microns, not of Space Ranger's 65; who knows the pixel size states it."""
    path = make(tmp_path / "S1.h5ad", _set("tissue_downscaled_fullres_scalef", 0.1))
    assert read(path).microns_per_pixel is None
    assert read(path, stated=StatedScale(0.5, "by hand")).microns_per_pixel == 0.5


def test_labels_and_raw_counts_are_found(tmp_path: Path):
    def normalise(data: Any) -> None:
        data.layers["counts"] = data.X.copy()
        data.X = np.log1p(data.X.toarray())

    slide = read(make(tmp_path / "S1.h5ad", normalise), label_column="region")
    assert slide.annotation is not None
    assert slide.annotation.tolist() == ["immune", "", "tumour", ""]
    np.testing.assert_array_equal(slide.counts.toarray(), visium.COUNTS[:, :4])


def test_a_dense_matrix_and_eight_bit_pixels_are_read(tmp_path: Path):
    def change(data: Any) -> None:
        data.X = data.X.toarray()
        data.uns["spatial"]["library"]["images"]["hires"] = visium.paint(visium.HIRES_SCALE)

    visium.assert_spots_lie_on_their_colours(read(make(tmp_path / "S1.h5ad", change)))


def test_spots_outside_tissue_are_left_out(tmp_path: Path):
    slide = read(make(tmp_path / "S1.h5ad", lambda data: data.obs.__setitem__("in_tissue", [1, 0, 1, 1])))
    assert slide.spot_ids == tuple(np.delete(visium.BARCODES, 1))
    visium.assert_spots_lie_on_their_colours(slide)


def _set(name: str, value: Any) -> Callable[[Any], None]:
    return lambda data: data.uns["spatial"]["library"]["scalefactors"].__setitem__(name, value)


def _fractions(data: Any) -> None:
    data.X = data.X * 0.5


def _twice(data: Any) -> None:
    data.obs_names = ["AAAA-1", "AAAA-1", "GGGG-1", "TTTT-1"]


DAMAGE = {
    "normalised counts": (_fractions, "no whole numbers"),
    "no positions": (lambda data: data.obsm.pop("spatial"), r"no obsm\['spatial'\]"),
    "no array": (lambda data: data.obs.pop("array_row"), "lacks the columns array_row of obs"),
    "no image": (lambda data: data.uns.pop("spatial"), "holds no image"),
    "two slides": (
        lambda data: data.uns["spatial"].__setitem__("b", {"images": {}}),
        "several slides in uns.*: b, library|several slides in uns.*: library, b",
    ),
    "no scale": (
        lambda data: data.uns["spatial"]["library"]["scalefactors"].pop("tissue_hires_scalef"),
        "no scale factor tissue_hires_scalef",
    ),
    "a scale of 0": (_set("tissue_hires_scalef", 0.0), "tissue_hires_scalef is 0.*positive"),
    "no tissue": (lambda data: data.obs.__setitem__("in_tissue", 0), "marks none of its 4 spots as under tissue"),
    "an id twice": (_twice, "spot id 'AAAA-1' twice"),
    "an image of seven channels": (
        lambda data: data.uns["spatial"]["library"]["images"].__setitem__("hires", np.zeros((80, 120, 7))),
        "has the shape .80, 120, 7.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.filterwarnings("ignore:Observation names are not unique")
def test_unusable_files_are_named(tmp_path: Path, damage: str):
    change, reason = DAMAGE[damage]
    with pytest.raises(DatasetError, match=rf"S1\.h5ad.*{reason}"):
        read(make(tmp_path / "S1.h5ad", change))


def test_truncated_and_foreign_files_and_unknown_labels_are_named(tmp_path: Path):
    path = make(tmp_path / "S1.h5ad")
    with pytest.raises(DatasetError, match=r"no column 'layer' of obs for the labels.*region"):
        read(path, label_column="layer")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DatasetError, match=r"S1\.h5ad cannot be read as \.h5ad"):
        read(path)


def test_a_scrambled_copy_keeps_all_but_the_counts(tmp_path: Path):
    path = make(tmp_path / "S1.h5ad")
    write_scrambled(path, lambda counts: sparse.csr_matrix(counts * 3), tmp_path / "noise.h5ad")
    old, new = read(path), read(tmp_path / "noise.h5ad")
    assert (old.spot_ids, old.genes, old.pixel_xy.tolist()) == (
        new.spot_ids,
        new.genes,
        new.pixel_xy.tolist(),
    )
    assert old.image.read_bytes() == new.image.read_bytes()
    assert (old.counts != new.counts).nnz > 0
