"""Which file of a folder is the full-resolution image, under all the names that people give it."""

from __future__ import annotations

from pathlib import Path

import pytest

from stbench.errors import DatasetError
from stbench.slide_files.full_images import full_image

SPACE_RANGER = (
    "tissue_hires_image.png",
    "tissue_lowres_image.png",
    "aligned_fiducials.jpg",
    "cytassist_image.tiff",
)


def folder_of(tmp_path: Path, *names: str) -> Path:
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return tmp_path


@pytest.mark.parametrize(
    ("names", "meant"),
    [
        (["S1.JPG"], "S1.JPG"),
        (["s1.Tiff", "other.png"], "s1.Tiff"),
        (["S1.ome.tif", "S1_HE.png"], "S1.ome.tif"),
        (["S1_HE.png", "S1_mask.png", "S2.png"], "S1_HE.png"),
        (["S1_image.tif", "x.tif"], "S1_image.tif"),
        (["HE.jpg"], "HE.jpg"),
        (["he.JPEG", "overview.svs"], "he.JPEG"),
        (["Image.TIF", "S1.svs", "HE.png"], "Image.TIF"),
        (["V1_Breast_image.tif", "a.png"], "V1_Breast_image.tif"),
        (["slide.svs"], "slide.svs"),
        (["slide.NDPI", "snapshot.png", "other.jpg"], "slide.NDPI"),
        (["tissue.mrxs", *SPACE_RANGER], "tissue.mrxs"),
        (["one.btf", *SPACE_RANGER, "one_macro.jpg", "one_label.png", ".hidden.svs"], "one.btf"),
        (["S1.h5ad", "S1_counts.tsv", "thesis.pdf"], None),
        ([*SPACE_RANGER], None),
        ([], None),
    ],
)
def test_the_one_that_is_meant(tmp_path: Path, names: list[str], meant: str | None):
    found = full_image(folder_of(tmp_path, *names), "S1")
    assert found == (None if meant is None else tmp_path / meant)


def test_in_a_shared_folder_only_names_of_the_slide_count(tmp_path: Path):
    folder = folder_of(tmp_path, "b.JPG", "c_HE.png", "b.h5ad", "c.h5ad", "d.h5ad", "image.tif", "only.svs")
    found = {name: full_image(folder, name, shared=True) for name in "bcd"}
    assert found == {"b": folder / "b.JPG", "c": folder / "c_HE.png", "d": None}


def test_a_picture_beside_outs_is_found_after_those_within(tmp_path: Path):
    folder = folder_of(tmp_path, "outs/spatial/tissue_hires_image.png", "scan.tif")
    assert full_image(folder / "outs", "a", beside=[folder]) == folder / "scan.tif"
    folder_of(tmp_path, "outs/image.png")
    assert full_image(folder / "outs", "a", beside=[folder]) == folder / "outs" / "image.png"


def test_a_name_with_dots_and_a_folder_that_looks_like_a_picture(tmp_path: Path):
    folder = folder_of(tmp_path, "S1.2.tif", "S1.svs/x.txt")
    assert full_image(folder, "S1.2") == folder / "S1.2.tif"
    assert full_image(folder, "S1") == folder / "S1.2.tif"  # the only picture
    assert full_image(tmp_path / "absent") is None


@pytest.mark.parametrize(
    ("names", "shared", "sentence"),
    [
        (["S1.jpg", "S1.TIF"], True, r"several images: S1\.TIF, S1\.jpg; keep the one of S1"),
        (
            ["S1.jpg", "S1.TIF"],
            False,
            r"several images: S1\.TIF, S1\.jpg; name the full-resolution one image\.TIF",
        ),
        (
            ["one.png", "two.ome.tif", "three.svs"],
            False,
            r"several images: three\.svs, two\.ome\.tif; name .* image\.svs",
        ),
        (["one.png", "two.png"], False, r"several images: one\.png, two\.png"),
    ],
)
def test_several_are_named(tmp_path: Path, names: list[str], shared: bool, sentence: str):
    with pytest.raises(DatasetError, match=sentence):
        full_image(folder_of(tmp_path, *names), "S1", shared=shared)
