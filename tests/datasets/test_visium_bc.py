"""Visium breast cancer: outputs of every Space Ranger version, under its own names or those of 10x Genomics' page."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import tifffile
import visium_files as visium

from stbench.datasets.visium_bc import plugin as VisiumBreastCancer
from stbench.errors import DatasetError
from stbench.registry import dataset_card
from stbench.slide import Slide

pytestmark = pytest.mark.usefixtures("cache")
PUBLISHED = "V1_Breast_Cancer_Block_A_Section_1"


def write_image(path: Path) -> None:
    tifffile.imwrite(path, visium.paint(), tile=(64, 64), compression="zlib", photometric="rgb")


def write_slide(folder: Path, version: int, matrix: str = "v3") -> None:
    visium.write_spatial(folder, version)
    if matrix == "mex":
        visium.write_mex(folder / "filtered_feature_bc_matrix")
    else:
        write = {"v3": visium.write_hdf5_v3, "v2": visium.write_hdf5_v2}[matrix]
        write(folder / "filtered_feature_bc_matrix.h5")
    write_image(folder / "image.tif")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three slides: positions of versions 1, 2 and in Parquet, matrices of every kind."""
    write_slide(tmp_path / "visium-bc" / "block1", version=1)
    write_slide(tmp_path / "visium-bc" / "block2", version=2, matrix="mex")
    write_slide(tmp_path / "visium-bc" / "FFPE", version=3, matrix="v2")
    return tmp_path


def slides_of(root: Path) -> dict[str, Slide]:
    return {source.id: source.read() for source in VisiumBreastCancer().slides(root)}


def test_spots_lie_on_their_colours_in_every_version(root: Path):
    slides = slides_of(root)
    assert {name: slide.patient for name, slide in slides.items()} == {
        "block1": "block A",
        "block2": "block A",
        "FFPE": "FFPE",
    }
    for slide in slides.values():
        visium.assert_spots_lie_on_their_colours(slide)
        assert slide.genes == visium.GENES
        assert (slide.platform, slide.annotation) == ("Visium", None)
        assert slide.microns_per_pixel == pytest.approx(2.5)


def test_the_files_may_have_the_names_of_the_page(root: Path):
    folder = root / "visium-bc" / PUBLISHED
    (root / "visium-bc" / "block1").rename(folder)
    for name in ("filtered_feature_bc_matrix.h5", "image.tif"):
        (folder / name).rename(folder / f"{PUBLISHED}_{name}")
    slide = slides_of(root)["block1"]
    visium.assert_spots_lie_on_their_colours(slide)
    assert slide.image == folder / f"{PUBLISHED}_image.tif"


def test_without_the_full_image_the_small_one_is_used(root: Path):
    (root / "visium-bc" / "FFPE" / "image.tif").unlink()
    slide = slides_of(root)["FFPE"]
    visium.assert_spots_lie_on_their_colours(slide)
    assert slide.image.name == "tissue_hires_image.png"
    assert slide.microns_per_pixel == pytest.approx(5.0)


@pytest.mark.parametrize("gz", [False, True])
def test_labels_line_up_by_barcode(root: Path, gz: bool):
    rows = ["barcode,label", "TTTT-1,DCIS", "CCCC-1,outside", "GGGG-1,stroma", "AAAA-1,tumour"]
    visium.write_text(root / "visium-bc" / "block1" / "annotation.csv", "\n".join(rows), gz)
    slide = slides_of(root)["block1"]
    assert slide.spot_ids == ("AAAA-1", "ACGT-1", "GGGG-1", "TTTT-1")
    assert slide.annotation is not None and slide.annotation.tolist() == ["tumour", "", "stroma", "DCIS"]


def test_what_is_left_out_is_said(root: Path, caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.INFO):
        VisiumBreastCancer().slides(root)[0].read()
    assert "1 spots are not under tissue" in caplog.text
    assert "1 gene symbols occur more than once (TP53, say)" in caplog.text


def test_incomplete_slides_are_named(root: Path):
    (root / "visium-bc" / "block2" / "filtered_feature_bc_matrix" / "features.tsv.gz").unlink()
    missing = VisiumBreastCancer().missing(root)
    assert missing.keys() == {"block2"} and "features.tsv" in missing["block2"]
    assert list(slides_of(root)) == ["block1", "FFPE"]
    (root / "visium-bc" / "FFPE" / "filtered_feature_bc_matrix.h5").unlink()
    with pytest.raises(
        DatasetError, match=r"visium-bc .*1 complete slides and needs at least two.*FFPE lacks"
    ):
        VisiumBreastCancer().slides(root)
    with pytest.raises(DatasetError, match="stbench datasets fetch visium-bc"):
        VisiumBreastCancer().slides(root / "visium-bc" / "block1" / "spatial")


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize(
    ("name", "damage", "words"),
    [
        ("filtered_feature_bc_matrix.h5", _cut, r"filtered_feature_bc_matrix\.h5 cannot be read"),
        ("image.tif", _cut, r"image\.tif is (a truncated TIFF|no readable TIFF)"),
        ("spatial/scalefactors_json.json", _cut, "holds no scale factors"),
        ("annotation.csv", lambda path: path.write_text("barcode,label\nQQ-1,x\n"), "labels none"),
    ],
)
def test_damaged_files_are_named(root: Path, name: str, damage, words: str):
    damage(root / "visium-bc" / "block1" / name)
    with pytest.raises(DatasetError, match=words):
        slides_of(root)


@pytest.mark.parametrize("slide", ["block1", "block2", "FFPE"])
@pytest.mark.parametrize("published", [False, True])
def test_scrambled_copy_changes_one_slides_counts_only(
    root: Path, tmp_path: Path, slide: str, published: bool
):
    if published:
        (root / "visium-bc" / "block1").rename(root / "visium-bc" / PUBLISHED)
    before = slides_of(root)
    VisiumBreastCancer().copy_scrambled(root, slide, tmp_path / "copy", seed=3)
    after = slides_of(tmp_path / "copy")
    assert after.keys() == before.keys()
    for name, old in before.items():
        assert old.image.read_bytes() == after[name].image.read_bytes()
        assert np.array_equal(old.pixel_xy, after[name].pixel_xy)
        assert ((old.counts != after[name].counts).nnz > 0) == (name == slide)


def test_the_card_states_what_the_plugin_has():
    card = dataset_card("visium-bc")
    patients = VisiumBreastCancer.patients
    assert (card.n_slides, card.n_patients) == (len(patients), len(set(patients.values())))
