"""Space Ranger folders of both versions: every spot lands on its painted pixel, on the full image and on hires."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np
import pytest
import visium_files as visium
from PIL import Image

from stbench.errors import DatasetError
from stbench.slide import Slide
from stbench.slide_files.image_scale import StatedScale
from stbench.slide_files.parts import SpotLabels
from stbench.slide_files.space_ranger import read_space_ranger, space_ranger_files, space_ranger_lacks
from stbench.slide_files.spot_tables import read_spot_labels


def read(folder: Path, **options) -> Slide:
    return read_space_ranger("S1", space_ranger_files(folder), patient="A", **options)


@pytest.mark.parametrize("version", [1, 2, 3])
@pytest.mark.parametrize("full_image", ["image.tif", "image.png", None])
def test_spots_lie_on_their_colours(tmp_path: Path, version: int, full_image: str | None):
    visium.write_space_ranger(tmp_path, version, full_image)
    slide = read(tmp_path)
    assert slide.spot_ids == tuple(visium.BARCODES)
    assert (slide.patient, slide.platform, slide.genes) == ("A", "Visium", visium.GENES)
    visium.assert_spots_lie_on_their_colours(slide)
    assert slide.image.name == (full_image or "tissue_hires_image.png")


def test_neighbouring_spots_come_out_100_microns_apart(tmp_path: Path):
    visium.write_space_ranger(tmp_path)
    for image, pitch in (
        (tmp_path / "image.png", 40.0),
        (None, 20.0),
    ):  # spots GGGG and AAAA: two columns each
        slide = read(tmp_path)
        assert slide.microns_per_pixel == pytest.approx(100 / pitch)
        x = slide.pixel_xy[[slide.spot_ids.index(barcode) for barcode in ("GGGG-1", "AAAA-1")], 0]
        assert (x[1] - x[0]) * slide.microns_per_pixel == pytest.approx(200)
        if image:
            image.unlink()
    assert read(tmp_path, stated=StatedScale(7.0, "by hand")).microns_per_pixel == 7.0


def test_a_real_slides_scale_factors_fit_its_pitch(tmp_path: Path):
    """10x Genomics' documented example: a spot of 89.4 px on a slide of 0.7268 microns per pixel."""
    visium.write_space_ranger(tmp_path)
    path = tmp_path / "spatial" / "scalefactors_json.json"
    path.write_text(json.dumps({"spot_diameter_fullres": 89.43834961021503}))
    assert read(tmp_path).microns_per_pixel == pytest.approx(0.7267575965, rel=1e-9)


def test_names_of_downloads_and_of_deposits_are_known(tmp_path: Path):
    visium.write_space_ranger(tmp_path / "a", full_image="V1_Breast_image.tif")
    (tmp_path / "a" / "filtered_feature_bc_matrix.h5").rename(
        tmp_path / "a" / "V1_Breast_filtered_feature_bc_matrix.h5"
    )
    visium.write_spatial(tmp_path / "b")
    visium.write_mex(tmp_path / "b" / "filtered_count_matrix", columns=1)
    visium.write_spatial(tmp_path / "c" / "outs", version=2)
    visium.write_mex(tmp_path / "c" / "outs" / "filtered_feature_bc_matrix")
    for folder in "abc":
        slide = read(tmp_path / folder)
        assert slide.n_spots == 4
        visium.assert_spots_lie_on_their_colours(slide)


def test_spots_outside_tissue_are_counted_in_the_log(tmp_path: Path, caplog):
    visium.write_space_ranger(tmp_path)
    with caplog.at_level(logging.INFO):
        read(tmp_path)
    assert "1 spots are not under tissue and left out" in caplog.text


@pytest.mark.parametrize("positions_have_it", [True, False])
def test_barcodes_with_and_without_suffix_are_the_same_spots(tmp_path: Path, positions_have_it: bool):
    visium.write_spatial(tmp_path)
    bare = [barcode.removesuffix("-1") for barcode in visium.BARCODES]
    visium.write_mex(
        tmp_path / "filtered_feature_bc_matrix", barcodes=bare if positions_have_it else visium.BARCODES
    )
    if not positions_have_it:
        path = tmp_path / "spatial" / "tissue_positions_list.csv"
        path.write_text(path.read_text().replace("-1,", ","))
    slide = read(tmp_path)
    assert slide.n_spots == 4
    visium.assert_spots_lie_on_their_colours(slide)


def test_labels_line_up_by_barcode(tmp_path: Path):
    visium.write_space_ranger(tmp_path)
    lines = ['"","nCount_RNA","Classification"', '"TTTT",9,"Stroma"', '"GGGG",8,"DCIS"', '"AAAA",7,NA']
    (tmp_path / "metadata.csv").write_text("\n".join(lines) + "\n")
    labels = read_spot_labels(tmp_path / "metadata.csv", "Classification")
    slide = read(tmp_path, labels=labels)
    assert slide.annotation is not None
    by_spot = dict(zip(slide.spot_ids, slide.annotation.tolist(), strict=True))
    assert by_spot == {"AAAA-1": "", "ACGT-1": "", "GGGG-1": "DCIS", "TTTT-1": "Stroma"}
    with pytest.raises(DatasetError, match="labels none of the slide's spots"):
        read(tmp_path, labels=SpotLabels(tmp_path / "other.csv", {"XXXX-1": "Stroma"}))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("filtered_feature_bc_matrix.h5", "lacks filtered_feature_bc_matrix.h5"),
        ("spatial/tissue_positions_list.csv", "lacks spatial/tissue_positions.csv"),
        ("spatial/scalefactors_json.json", "lacks spatial/scalefactors_json.json"),
        ("spatial/tissue_hires_image.png", "lacks a full-resolution image"),
    ],
)
def test_a_missing_file_is_named(tmp_path: Path, name: str, reason: str):
    visium.write_space_ranger(tmp_path, full_image=None)
    (tmp_path / name).unlink()
    with pytest.raises(DatasetError, match=reason):
        read(tmp_path)


def test_complete_folders_lack_nothing_and_empty_ones_everything(tmp_path: Path):
    visium.write_space_ranger(tmp_path / "whole")
    assert space_ranger_lacks(space_ranger_files(tmp_path / "whole")) == ""
    assert space_ranger_lacks({}).count(",") == 3
    visium.write_spatial(tmp_path / "half")
    visium.write_mex(tmp_path / "half" / "filtered_feature_bc_matrix")
    (tmp_path / "half" / "filtered_feature_bc_matrix" / "features.tsv.gz").unlink()
    assert "features.tsv or genes.tsv[.gz]" in space_ranger_lacks(space_ranger_files(tmp_path / "half"))


@pytest.mark.parametrize(
    ("factors", "reason"),
    [
        ('{"spot_diameter_fullres": 26.0}', "no 'tissue_hires_scalef'"),
        ('{"tissue_hires_scalef": 0}', "holds no scale factors.*not positive"),
        ('{"tissue_hires_scalef": "half"}', "holds no scale factors"),
        ('{"tissue_hires_sca', "holds no scale factors"),
    ],
)
def test_bad_scale_factors_are_named(tmp_path: Path, factors: str, reason: str):
    visium.write_space_ranger(tmp_path, full_image=None)
    (tmp_path / "spatial" / "scalefactors_json.json").write_text(factors)
    with pytest.raises(DatasetError, match=rf"scalefactors_json\.json.*{reason}"):
        read(tmp_path)


def test_an_image_smaller_than_the_positions_is_named(tmp_path: Path):
    visium.write_space_ranger(tmp_path)
    Image.fromarray(visium.paint(0.5)).save(tmp_path / "image.png")
    with pytest.raises(DatasetError, match=r"lies outside .*image\.png of 120 x 80 px .*full-size image"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda text: text.replace(",1,", ",0,"), "marks none of its 5 spots as under tissue"),
        (lambda text: text.replace("-1,", "-7,"), "have no spot in common"),
        (lambda text: text + text.splitlines()[0] + "\n", "names the barcode 'GGGG-1' twice"),
        (lambda text: text.rsplit(",", 2)[0], "has not the 6 columns"),
        (lambda text: text.replace("96", "right"), "is no position"),
        (lambda text: "", "marks none of its 0 spots"),
    ],
)
def test_bad_positions_are_named(tmp_path: Path, change, reason: str):
    visium.write_space_ranger(tmp_path)
    path = tmp_path / "spatial" / "tissue_positions_list.csv"
    path.write_text(change(path.read_text()))
    with pytest.raises(DatasetError, match=rf"tissue_positions_list\.csv.*{reason}"):
        read(tmp_path)


def test_several_images_or_matrices_are_ambiguous(tmp_path: Path):
    visium.write_space_ranger(tmp_path, full_image="one.png")
    Image.fromarray(visium.paint()).save(tmp_path / "two.png")
    with pytest.raises(DatasetError, match=r"several images: one\.png, two\.png; name .* image\.png"):
        read(tmp_path)
    (tmp_path / "two.png").rename(tmp_path / "image.png")
    assert read(tmp_path).image.name == "image.png"
    for name in ("x", "y"):
        visium.write_hdf5_v3(tmp_path / f"{name}_filtered_feature_bc_matrix.h5")
    assert read(tmp_path).n_spots == 4  # the file without a prefix is the slide's
    (tmp_path / "filtered_feature_bc_matrix.h5").unlink()
    with pytest.raises(DatasetError, match="several matrices"):
        read(tmp_path)


@pytest.mark.slow
def test_a_large_slide_stays_sparse(tmp_path: Path):
    """5,000 spots x 36,000 genes: far below what the dense matrix (1.4 GiB as float64) would take."""
    import tracemalloc

    import h5py

    rng = np.random.default_rng(0)
    n_spots, n_genes, per_spot = 5_000, 36_000, 4_000
    visium.write_spatial(tmp_path)
    barcodes = [f"S{i:05}-1" for i in range(n_spots)]
    with h5py.File(tmp_path / "filtered_feature_bc_matrix.h5", "w") as file:
        group = file.create_group("matrix")
        starts = np.sort(rng.integers(0, n_genes - per_spot, n_spots))
        group["indices"] = (starts[:, None] + np.arange(per_spot)).ravel().astype(np.int64)
        group["data"] = np.ones(n_spots * per_spot, dtype=np.int32)
        group["indptr"] = np.arange(n_spots + 1, dtype=np.int64) * per_spot
        group["barcodes"], group["shape"] = np.array(barcodes, dtype="S"), np.array([n_genes, n_spots])
        names = np.array([f"G{i}" for i in range(n_genes)], dtype="S")
        group["features/id"] = group["features/name"] = names
        group["features/feature_type"] = np.array([b"Gene Expression"] * n_genes)
    lines = [f"{barcode},1,{i // 80},{i % 80},{i % 150},{i % 230}" for i, barcode in enumerate(barcodes)]
    (tmp_path / "spatial" / "tissue_positions_list.csv").write_text("\n".join(lines))
    Image.fromarray(visium.paint()).save(tmp_path / "image.png")
    tracemalloc.start()
    slide = read(tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert slide.counts.nnz == n_spots * per_spot
    assert peak < 2**30
