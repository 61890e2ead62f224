"""path:DIR: a lab's own folder, in every form that it may have; real mouse slides with their layers."""

from __future__ import annotations

import logging
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import visium_files as visium
from PIL import Image
from plugins.command import stbench

from stbench import registry
from stbench.commands import choosing
from stbench.commands.asked import Asked
from stbench.commands.preparing import prepare
from stbench.datasets.path import plugin as OwnFolder
from stbench.errors import DatasetError, UnknownName, UsageError
from stbench.metrics.clustering import adjusted_rand
from stbench.slide import Slide

COUNTS = "\tMARK\tB\n" + "".join(f"{s.barcode}\t{s.red}\t{i}\n" for i, s in enumerate(visium.SPOTS[::-1]))
SPOTS = "barcode\tarray_x\tarray_y\tpixel_x\tpixel_y\tlabel\n" + "".join(
    f"{s.barcode}\t{s.column}\t{s.row}\t{s.pixel_column}\t{s.pixel_row}\tlayer {s.row}\n"
    for s in visium.SPOTS
)


def place_st(folder: Path, name: str, suffix: str = "png") -> None:
    """ST-style files, whose images hold every spot."""
    folder.mkdir(parents=True, exist_ok=True)
    visium.write_text(folder / f"{name}_counts.tsv", COUNTS, gz=True)
    (folder / f"{name}_spots.tsv").write_text(SPOTS)
    Image.fromarray(visium.paint()).save(folder / f"{name}.{suffix}")


def place_anndata(path: Path) -> None:
    import anndata

    path.parent.mkdir(parents=True, exist_ok=True)
    spots = visium.IN_TISSUE
    data = anndata.AnnData(visium.COUNTS[:, :2].astype(np.float32))
    data.obs_names, data.var_names = visium.BARCODES, ["MARK", "TP53"]
    data.obs["array_row"], data.obs["array_col"] = [s.row for s in spots], [s.column for s in spots]
    data.obs["region"] = ["a", "b", "a", "b"]
    data.obsm["spatial"] = np.array([[s.pixel_column, s.pixel_row] for s in spots], dtype=float)
    images = {"hires": visium.paint(visium.HIRES_SCALE)}
    factors = {"tissue_hires_scalef": visium.HIRES_SCALE}
    data.uns["spatial"] = {"library": {"images": images, "scalefactors": factors}}
    data.write_h5ad(path)


@pytest.fixture
def folder(tmp_path: Path, cache: Path) -> Path:
    """A folder with a slide of each form: S1 and S4 ST-style, S2 of Space Ranger, S3 and S5 in .h5ad."""
    folder = tmp_path / "my-slides"
    place_st(folder / "S1", "S1")
    visium.write_space_ranger(folder / "S2", version=2)
    place_anndata(folder / "S3" / "anything.h5ad")
    place_st(folder, "S4", "tif")
    place_anndata(folder / "S5.h5ad")
    return folder


def slides_of(folder: Path) -> dict[str, Slide]:
    return {source.id: source.read() for source in OwnFolder().slides(folder)}


# --- forms --------------------------------------------------------------------------------------------------


def test_spots_of_every_form_lie_on_their_colours(folder: Path):
    slides = slides_of(folder)
    assert list(slides) == ["S1", "S2", "S3", "S5", "S4"]
    for slide in slides.values():
        visium.assert_spots_lie_on_their_colours(slide)
    # One array, whatever files it came in: every second column of a row.
    assert {slide.platform for slide in slides.values()} == {"Visium"}
    assert {slide.patient for slide in slides.values()} == {None}


def test_sources_are_pickled_unread(folder: Path):
    sources = pickle.loads(pickle.dumps(OwnFolder().slides(folder)))
    assert sources[1].read().n_spots == 4
    assert all(path.is_file() for source in sources for path in source.files.values())


def test_slides_csv_names_slides_patients_pixel_sizes_and_label_columns(folder: Path):
    (folder / "slides.csv").write_text(
        "slide,patient,um_per_px,annotation\nS3,B,,region\nS1,A,2.5,\nS4,,0.5,label\n"
    )
    slides = slides_of(folder)
    assert list(slides) == ["S3", "S1", "S4"]
    assert [slide.patient for slide in slides.values()] == ["B", "A", None]
    assert [slide.microns_per_pixel for slide in slides.values()] == [None, 2.5, 0.5]
    assert np.asarray(slides["S3"].annotation).tolist() == ["a", "b", "a", "b"]
    assert np.asarray(slides["S1"].annotation).tolist() == [f"layer {s.row}" for s in visium.SPOTS[::-1]]
    assert OwnFolder().missing(folder) == dict.fromkeys(("S2", "S5"), "a line in slides.csv")


def test_labels_beside_a_space_ranger_output(folder: Path):
    (folder / "slides.csv").write_text("slide,annotation\nS2,Class\nS1,\n")
    with pytest.raises(
        DatasetError, match=r"S2 has no annotation\.csv or metadata\.csv with the column 'Class'"
    ):
        slides_of(folder)
    (folder / "S2" / "metadata.csv").write_text("barcode,n,Class\nTTTT-1,1,fat\n")
    assert np.asarray(slides_of(folder)["S2"].annotation).tolist() == ["", "", "", "fat"]
    (folder / "slides.csv").unlink()
    assert slides_of(folder)["S2"].annotation is None
    (folder / "S2" / "annotation.csv").write_text("barcode,what\nGGGG,duct\n")
    assert np.asarray(slides_of(folder)["S2"].annotation).tolist() == ["", "", "duct", ""]


# --- what is wrong ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("slide,patient\nS1,A\nS9,B\n", "names S9, but there is no such slide.* S1, S2, S3, S5, S4"),
        ("name,patient\nS1,A\n", "lacks the column slide; it has name, patient"),
        ("slide\nS1\nS1\n", "slide 'S1' twice"),
        ("slide,um_per_px\nS1,small\n", "um_per_px of S1 is 'small'"),
        ("slide,um_per_px\nS1,-1\n", "um_per_px of S1 is '-1'"),
        ("slide,patient\nS1\n", "has not 2 columns"),
    ],
)
def test_bad_slide_lists_are_named(folder: Path, text: str, reason: str):
    (folder / "slides.csv").write_text(text)
    with pytest.raises(DatasetError, match=rf"slides\.csv.*{reason}"):
        OwnFolder().slides(folder)


def test_columns_that_are_not_used_are_said(folder: Path, caplog: pytest.LogCaptureFixture):
    (folder / "slides.csv").write_text("slide,um_per_pixel\nS1,2\n")
    with caplog.at_level(logging.WARNING):
        OwnFolder().slides(folder)
    assert (
        "the columns um_per_pixel are not used; known are slide, patient, um_per_px, annotation, "
        "platform, drop_outside" in caplog.text
    )


def test_incomplete_slides_are_listed_with_what_they_lack(folder: Path):
    (folder / "notes").mkdir()
    (folder / "S1" / "S1.png").unlink()
    (folder / "S2" / "spatial" / "scalefactors_json.json").unlink()
    missing = OwnFolder().missing(folder)
    assert list(slides_of(folder)) == ["S3", "S5", "S4"]
    assert missing["S1"] == "S1.jpg (.png, .tif, .svs, ...)"
    assert missing["S2"] == "spatial/scalefactors_json.json"
    assert missing["notes"].startswith("the files of a slide (a Space Ranger output, an .h5ad file")


@pytest.mark.parametrize(
    ("change", "slide", "reason"),
    [
        (lambda folder: place_st(folder / "S4", "S4"), "S4", "as a folder and as files"),
        (lambda folder: place_st(folder / "S1", "other"), "S1", "S1 holds several slides: S1, other"),
        (
            lambda folder: (folder / "S3" / "two.h5ad").touch(),
            "S3",
            "several slides: anything.h5ad, two.h5ad",
        ),
        (lambda folder: (folder / "S2" / "image.jpg").touch(), "S2", "several images: image.jpg, image.png"),
        (lambda folder: (folder / "S5.tif").symlink_to(folder / "S4.tif"), None, ""),
        (lambda folder: (folder / "odd").mkdir(), "odd", "the files of a slide"),
    ],
)
def test_one_odd_slide_does_not_stop_the_others(
    folder: Path, change: Callable[[Path], object], slide: str | None, reason: str
):
    change(folder)
    missing = OwnFolder().missing(folder)
    assert list(missing) == ([slide] if slide else [])
    assert all(reason in lacks for lacks in missing.values())
    assert [*slides_of(folder)] == [name for name in ("S1", "S2", "S3", "S5", "S4") if name != slide]


def test_a_folder_without_slides_says_what_would_be_right(tmp_path: Path):
    (tmp_path / "S1").mkdir()
    with pytest.raises(DatasetError, match=r"holds no complete slide .*S1 lacks the files of a slide"):
        OwnFolder().slides(tmp_path)
    with pytest.raises(DatasetError, match="nothing to download"):
        OwnFolder().fetch(tmp_path)


# --- the name -----------------------------------------------------------------------------------------------


def test_the_name_carries_the_folder_and_no_path(folder: Path):
    assert choosing.dataset_name(f"path:{folder}") == "path:my-slides"
    assert choosing.dataset_name(f"path:{folder}/S1/..") == "path:my-slides"
    assert choosing.data_folder(f"path:{folder}", None) == folder.resolve()
    assert choosing.dataset_name("her2") == "her2"
    assert registry.load_dataset("path:my-slides") is OwnFolder


def test_names_without_a_folder_are_refused(tmp_path: Path):
    with pytest.raises(UsageError, match="path needs the folder of your slides: --dataset path:DIR"):
        choosing.dataset_name("path")
    with pytest.raises(DatasetError, match="path:/nowhere/at/all names no folder"):
        choosing.dataset_name("path:/nowhere/at/all")
    with pytest.raises(UnknownName, match="no dataset named 'her2:"):
        choosing.dataset_name(f"her2:{tmp_path}")


def test_the_command_line_checks_and_plans_an_own_folder(folder: Path, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    checked = stbench("datasets", "check", "path:my-slides", "--json")
    assert checked.status == 0, checked.err
    assert checked.document["dataset"] == "path:my-slides"
    spots = {row["slide"]: row["spots"] for row in checked.document["slides"]}
    assert spots == {"S1": 5, "S2": 4, "S3": 4, "S5": 4, "S4": 5}
    plan = stbench("run", "--method", "mean", "--dataset", "path:my-slides", "--inner", "none", "--dry-run")
    assert plan.status == 0 and "5 slides, 5 outer folds" in plan.err
    refused = stbench("run", "--method", "mean", "--dataset", "path", "--dry-run")
    assert refused.status == 2 and "--dataset path:DIR" in refused.err


def test_moving_the_folder_changes_no_key_and_editing_it_does(folder: Path, tmp_path: Path):
    def keys(place: Path) -> set[str]:
        prepared = prepare(
            Asked.of(methods=["mean"], dataset=f"path:{place}", inner="none"), tmp_path / "out"
        )
        assert prepared.plan.table.dataset == "path:my-slides"
        assert str(tmp_path) not in repr([job.table for job in prepared.plan.jobs])
        return prepared.keys

    before = keys(folder)
    moved = tmp_path / "elsewhere" / "my-slides"
    shutil.copytree(folder, moved)
    assert keys(moved) == before
    (moved / "slides.csv").write_text("slide,um_per_px\n" + "".join(f"S{i},2\n" for i in range(1, 6)))
    assert keys(moved).isdisjoint(before)


# --- the scrambled copy -------------------------------------------------------------------------------------


@pytest.mark.parametrize("slide", ["S1", "S2", "S3", "S4", "S5", "mex"])
def test_scrambled_copy_changes_one_slides_counts_only(folder: Path, tmp_path: Path, slide: str):
    visium.write_spatial(folder / "mex")
    visium.write_mex(folder / "mex" / "filtered_feature_bc_matrix")
    before = slides_of(folder)
    OwnFolder().copy_scrambled(folder, slide, tmp_path / "copy", seed=3)
    after = slides_of(tmp_path / "copy")
    assert after.keys() == before.keys()
    for name in before:
        old, new = before[name], after[name]
        assert (old.spot_ids, old.genes) == (new.spot_ids, new.genes)
        assert np.array_equal(old.pixel_xy, new.pixel_xy)
        assert old.image.read_bytes() == new.image.read_bytes()
        assert ((old.counts != new.counts).nnz > 0) == (name == slide)
    assert all((slides_of(folder)[name].counts != before[name].counts).nnz == 0 for name in before)


def test_scrambled_copy_refuses_the_folder_itself_and_unknown_slides(folder: Path, tmp_path: Path):
    with pytest.raises(DatasetError, match="must not overwrite"):
        OwnFolder().copy_scrambled(folder, "S1", folder, seed=0)
    with pytest.raises(DatasetError, match="no complete slide 'S9'"):
        OwnFolder().copy_scrambled(folder, "S9", tmp_path / "copy", seed=0)


# --- real slides --------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def mouse(shared_data: Path) -> dict[str, Slide]:
    """The three slides of the mouse olfactory bulb."""
    return slides_of(shared_data / "mob_stahl")


def test_real_slides_are_read_with_their_layers(mouse: dict[str, Slide]):
    assert {name: slide.n_spots for name, slide in mouse.items()} == {"Rep1": 267, "Rep2": 280, "Rep11": 262}
    assert [slide.patient for slide in mouse.values()] == ["A", "A", "E"]
    for slide in mouse.values():
        assert slide.microns_per_pixel == 2.76
        assert len(set(np.asarray(slide.annotation))) == 5 and "" not in np.asarray(slide.annotation)
        x_per_column = np.polyfit(slide.array_row_column[:, 1], slide.pixel_xy[:, 0], 1)[0]
        y_per_row = np.polyfit(slide.array_row_column[:, 0], slide.pixel_xy[:, 1], 1)[0]
        np.testing.assert_allclose([x_per_column * 2.76, y_per_row * 2.76], 200, rtol=0.03)


@pytest.mark.parametrize(("name", "reference"), [("Rep1", 0.63), ("Rep2", 0.60), ("Rep11", 0.55)])
def test_real_expression_agrees_with_the_layers_as_well_as_published(
    mouse: dict[str, Slide], name: str, reference: float
):
    """Counts per 10,000, log1p, the 1,000 most variable genes; without counts per 10,000 it is less on Rep11."""
    slide = mouse[name]
    values = np.log1p(slide.counts.toarray() / slide.totals[:, None] * 1e4)
    variable = np.argsort(-values.var(axis=0))[:1000]
    assert adjusted_rand(values[:, variable], np.asarray(slide.annotation)) == pytest.approx(
        reference, abs=0.03
    )
