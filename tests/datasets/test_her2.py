"""HER2+: the real files read as published, and each kind of damaged file named in one error."""

from __future__ import annotations

import csv
import gzip
import logging
import pickle
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stbench.datasets.her2 import plugin as Her2
from stbench.errors import DatasetError
from stbench.registry import dataset_card
from stbench.slide import Slide
from stbench.slide_files.joining import labels_of
from stbench.slide_files.spot_tables import read_coordinate_labels, read_selection

WIDTH, HEIGHT = 90, 60
COUNTS = "\tFASN\tGNAS\tSCD\n3x5\t1\t0\t4\n4x5\t0\t2\t0\n3x6\t7\t0\t1\n"
# Spot 9x9 has a position but no counts.
SPOTS = (
    "x\ty\tnew_x\tnew_y\tpixel_x\tpixel_y\tselected\n"
    "4\t5\t4.1\t5.0\t40.5\t20.25\t1\n"
    "3\t5\t3.1\t5.0\t30.5\t20.5\t1\n"
    "3\t6\t3.0\t6.0\t30.0\t30.0\t1\n"
    "9\t9\t9.0\t9.0\t80.0\t50.0\t1\n"
)
LABELS = (
    "Row.names\tx\ty\tpixel_x\tpixel_y\tlabel\n"
    "a\t3.98\t5.02\t1\t1\tcancer in situ\n"
    "b\t3.02\t5.96\t1\t1\tundetermined\n"
    "c\tNA\tNA\tNA\tNA\tadipose tissue\n"
)


def place(root: Path, slide: str, counts: str = COUNTS, spots: str = SPOTS) -> None:
    """Write one slide's files in the provider's layout, the image tiny."""
    data = root / "her2st" / "data"
    for folder in (data / "ST-cnts", data / "ST-spotfiles", data / "ST-imgs" / slide[0] / slide):
        folder.mkdir(parents=True, exist_ok=True)
    (data / "ST-cnts" / f"{slide}.tsv.gz").write_bytes(gzip.compress(counts.encode()))
    (data / "ST-spotfiles" / f"{slide}_selection.tsv").write_text(spots)
    pixels = np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(image_of(root, slide))


def image_of(root: Path, slide: str) -> Path:
    return root / "her2st" / "data" / "ST-imgs" / slide[0] / slide / "HE.jpg"


def read(root: Path, slide: str) -> Slide:
    return next(source for source in Her2().slides(root) if source.id == slide).read()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A data root with the slides A1 (labelled) and B2."""
    place(tmp_path, "A1")
    place(tmp_path, "B2")
    labels = tmp_path / "her2st" / "data" / "ST-pat" / "lbl" / "A1_labeled_coordinates.tsv"
    labels.parent.mkdir(parents=True)
    labels.write_text(LABELS)
    return tmp_path


# --- the real files -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("slide", "n"), [("B4", 283), ("C2", 187), ("C3", 180), ("C4", 184), ("C5", 181)])
def test_real_slides_have_the_published_number_of_spots(shared_data: Path, slide: str, n: int):
    found = read(shared_data, slide)
    assert found.n_spots == n
    assert (found.patient, found.platform, found.counts.dtype) == (slide[0], "ST", np.int32)


def test_real_counts_equal_a_plain_parse(shared_data: Path):
    slide = read(shared_data, "C3")
    with gzip.open(shared_data / "her2st" / "data" / "ST-cnts" / "C3.tsv.gz", "rt", newline="") as file:
        header, *rows = csv.reader(file, delimiter="\t")
    assert list(slide.genes) == header[1:]
    spots = [row for row in rows if row[0] in slide.spot_ids]
    assert [row[0] for row in spots] == list(slide.spot_ids)
    for row in (0, 77, 179):
        assert slide.counts[row].toarray().ravel().tolist() == [int(cell) for cell in spots[row][1:]]


def test_real_position_is_x_then_y_and_row_is_y(shared_data: Path):
    slide = read(shared_data, "C2")
    spot = slide.spot_ids.index("25x13")
    assert slide.pixel_xy[spot].tolist() == [6930.58, 3510.24]
    assert slide.array_row_column[spot].tolist() == [13, 25]


def test_real_slide_is_pickled_unread_and_read_fast(shared_data: Path):
    start = time.perf_counter()
    sources = Her2().slides(shared_data)
    planned = time.perf_counter() - start
    source = pickle.loads(pickle.dumps(sources[1]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert source.read().n_spots == 187
    assert planned < 0.5
    assert set(source.files) == {"counts", "spots", "image"}


def test_real_partial_copy_uses_five_slides_and_names_the_other_31(shared_data: Path):
    assert [source.id for source in Her2().slides(shared_data)] == ["B4", "C2", "C3", "C4", "C5"]
    missing = Her2().missing(shared_data)
    assert len(missing) == dataset_card("her2").n_slides - 5
    assert missing["A1"] == "one image (a jpg in ST-imgs/A/A1)"


LABELLED = {"A1": 346, "B1": 295, "C1": 176, "D1": 306, "E1": 587, "F1": 691, "G2": 467, "H1": 613}


@pytest.mark.parametrize(("slide", "n_labelled"), LABELLED.items())
def test_real_labels_fit_every_spot(shared_data: Path, slide: str, n_labelled: int):
    data = shared_data / "her2st" / "data"
    positions = read_selection(data / "ST-spotfiles" / f"{slide}_selection.tsv")
    path = data / "ST-pat" / "lbl" / f"{slide}_labeled_coordinates.tsv"
    with gzip.open(data / "ST-cnts" / f"{slide}.tsv.gz", "rt") as file:
        spots = [line.split("\t", 1)[0] for line in file][1:]
    labels = labels_of(read_coordinate_labels(path), spots)
    assert len(labels) == n_labelled
    assert "" not in labels
    everywhere = labels_of(read_coordinate_labels(path), positions.spot_ids).tolist()
    placed = [line for line in path.read_text().splitlines() if "\tNA\t" not in line]
    assert everywhere.count("invasive cancer") == sum(line.endswith("\tinvasive cancer") for line in placed)


# --- a small layout -----------------------------------------------------------------------------------------


def test_slide_is_the_intersection_in_one_order(root: Path):
    slide = read(root, "A1")
    assert slide.spot_ids == ("3x5", "4x5", "3x6")
    assert slide.pixel_xy.tolist() == [[30.5, 20.5], [40.5, 20.25], [30.0, 30.0]]
    assert slide.array_row_column.tolist() == [[5, 3], [5, 4], [6, 3]]
    assert slide.counts.toarray().tolist() == [[1, 0, 4], [0, 2, 0], [7, 0, 1]]
    assert slide.microns_per_pixel is None


def test_labels_are_rounded_to_spots_and_unplaced_ones_skipped(root: Path):
    annotation = read(root, "A1").annotation
    assert annotation is not None
    assert annotation.tolist() == ["", "cancer in situ", "undetermined"]
    assert read(root, "B2").annotation is None


def test_spots_not_under_tissue_are_left_out_and_counted(root: Path, caplog: pytest.LogCaptureFixture):
    place(root, "B2", spots=SPOTS.replace("20.25\t1", "20.25\t0"))
    with caplog.at_level(logging.INFO):
        assert read(root, "B2").spot_ids == ("3x5", "3x6")
    assert "1 spots are not under tissue" in caplog.text


def test_uncompressed_counts_and_the_data_folder_itself_are_read(root: Path):
    data = root / "her2st" / "data"
    for packed in list((data / "ST-cnts").iterdir()):
        packed.with_suffix("").write_bytes(gzip.decompress(packed.read_bytes()))
        packed.unlink()
    for place_of_data in (root, root / "her2st", data):
        assert read(place_of_data, "A1").counts.sum() == 15


def test_one_complete_slide_is_too_few_and_says_what_lacks(root: Path):
    image_of(root, "B2").unlink()
    with pytest.raises(DatasetError, match=r"1 complete slides.*B2 lacks one image"):
        Her2().slides(root)


def test_absent_dataset_names_the_command(tmp_path: Path):
    with pytest.raises(DatasetError, match="stbench datasets fetch her2"):
        Her2().slides(tmp_path)


def test_fetch_says_where_to_download_by_hand(tmp_path: Path):
    with pytest.raises(DatasetError, match=r"(?s)almaan/her2st.*3957257.*passwords.*ST-cnts"):
        Her2().fetch(tmp_path)


def test_several_images_are_ambiguous(root: Path):
    image_of(root, "A1").with_name("other.jpg").write_bytes(image_of(root, "A1").read_bytes())
    with pytest.raises(DatasetError, match=r"several images: HE\.jpg, other\.jpg"):
        Her2().slides(root)
    assert "several" in Her2().missing(root)["A1"]


DAMAGED_COUNTS = {
    "a spot twice": (COUNTS + "3x5\t1\t1\t1\n", r"spot id '3x5' twice"),
    "a gene twice": (COUNTS.replace("GNAS", "SCD"), r"gene column 'SCD' twice"),
    "text": (COUNTS.replace("7", "seven"), r"spot 3x6, gene FASN holds 'seven'"),
    "a fraction": (COUNTS.replace("7", "0.5"), r"gene FASN holds '0\.5'"),
    "a negative count": (COUNTS.replace("7", "-7"), r"gene FASN holds '-7'"),
    "a missing count": (COUNTS.replace("7", ""), r"gene FASN holds ''"),
    "NaN": (COUNTS.replace("7", "nan"), r"gene FASN holds 'nan'"),
    "a huge count": (COUNTS.replace("7", "9999999999"), r"holds '9999999999'"),
    "a short row": (COUNTS.removesuffix("\t1\n"), r"spot 3x6 has 2 counts for 3 genes"),
    "a bare spot": (COUNTS + "8x8\n", r"spot 8x8 has 1 counts for 3 genes"),
    "no spot": ("\tFASN\n", r"holds no count matrix"),
    "nothing": ("", r"holds no count matrix"),
    "other spots": (COUNTS.replace("x", "0x"), r"no spot in common"),
}


@pytest.mark.parametrize("damage", DAMAGED_COUNTS)
def test_damaged_counts_are_named(root: Path, damage: str):
    counts, reason = DAMAGED_COUNTS[damage]
    place(root, "A1", counts=counts)
    with pytest.raises(DatasetError, match=rf"A1\.tsv\.gz.*{reason}"):
        read(root, "A1")


DAMAGED_SPOTS = {
    "a spot twice": (SPOTS + "3\t5\t3\t5\t1\t1\t1\n", r"spot id '3x5' twice"),
    "no pixel column": (SPOTS.replace("pixel_x", "px"), r"lacks the columns pixel_x"),
    "text": (SPOTS.replace("40.5", "left"), r"'left'.* is no position"),
    "a fraction of a spot": (SPOTS.replace("4\t5\t4.1", "4.5\t5\t4.1"), r"'4\.5'.* is no position"),
    "right of the image": (SPOTS.replace("40.5", f"{WIDTH}.0"), r"spot 4x5 .*outside.*90 x 60 px"),
    "below the image": (SPOTS.replace("20.25", f"{HEIGHT}.0"), r"spot 4x5 .*outside.*90 x 60 px"),
    "left of the image": (SPOTS.replace("40.5", "-0.5"), r"spot 4x5 .*outside"),
    "a short row": (SPOTS + "7\t7\t7", r"has not 7 columns"),
    "nothing": ("", r"lacks the columns"),
}


@pytest.mark.parametrize("damage", DAMAGED_SPOTS)
def test_damaged_positions_are_named(root: Path, damage: str):
    spots, reason = DAMAGED_SPOTS[damage]
    place(root, "A1", spots=spots)
    with pytest.raises(DatasetError, match=rf"A1_selection\.tsv.*{reason}"):
        read(root, "A1")


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _cut_header(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:30])


def _point_to_lfs(path: Path) -> None:
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")


def _text(path: Path) -> None:
    path.write_text("not found")


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (_cut, "truncated JPEG"),
        (_cut_header, "no readable image"),
        (_point_to_lfs, "Git-LFS pointer"),
        (_text, "no readable image"),
    ],
)
def test_damaged_images_are_named(root: Path, damage: Callable[[Path], None], reason: str):
    damage(image_of(root, "A1"))
    with pytest.raises(DatasetError, match=rf"HE\.jpg .*{reason}"):
        read(root, "A1")


def test_truncated_gzip_is_named(root: Path):
    path = root / "her2st" / "data" / "ST-cnts" / "A1.tsv.gz"
    path.write_bytes(path.read_bytes()[:-12])
    with pytest.raises(DatasetError, match=r"A1\.tsv\.gz cannot be read whole"):
        read(root, "A1")


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        (LABELS + "d\t4.01\t5.01\t1\t1\tbreast glands\n", "spot '4x5' twice"),
        (LABELS.replace("label", "class"), "lacks the columns label"),
        (LABELS.replace("\t3.", "\t13."), "labels none of the slide's spots"),
    ],
)
def test_damaged_labels_are_named(root: Path, labels: str, reason: str):
    (root / "her2st" / "data" / "ST-pat" / "lbl" / "A1_labeled_coordinates.tsv").write_text(labels)
    with pytest.raises(DatasetError, match=rf"A1_labeled_coordinates\.tsv.*{reason}"):
        read(root, "A1")


# --- the scrambled copy -------------------------------------------------------------------------------------


def test_scrambled_copy_changes_one_slides_counts_only(root: Path, tmp_path: Path):
    before = {source.id: source.read() for source in Her2().slides(root)}
    Her2().copy_scrambled(root, "A1", tmp_path / "copy", seed=3)
    after = {source.id: source.read() for source in Her2().slides(tmp_path / "copy")}
    assert after.keys() == before.keys()
    for slide in before:
        old, new = before[slide], after[slide]
        assert (old.spot_ids, old.genes) == (new.spot_ids, new.genes)
        assert np.array_equal(old.pixel_xy, new.pixel_xy)
        assert old.image.read_bytes() == new.image.read_bytes()
        assert np.array_equal(old.annotation, new.annotation)
        assert (old.counts != new.counts).nnz == 0 if slide == "B2" else (old.counts != new.counts).nnz > 2
    assert np.array_equal(read(root, "A1").counts.toarray(), before["A1"].counts.toarray())


def test_scrambled_copy_refuses_the_data_itself_and_unknown_slides(root: Path, tmp_path: Path):
    with pytest.raises(DatasetError, match="must not overwrite"):
        Her2().copy_scrambled(root, "A1", root / "her2st", seed=0)
    with pytest.raises(DatasetError, match="no complete slide 'C1'"):
        Her2().copy_scrambled(root, "C1", tmp_path / "copy", seed=0)
    assert read(root, "A1").counts.sum() == 15


def test_scrambled_real_counts_do_not_resemble_the_measured_ones(shared_data: Path, tmp_path: Path):
    Her2().copy_scrambled(shared_data, "C3", tmp_path, seed=1)
    real, noise = read(shared_data, "C3"), read(tmp_path, "C3")
    genes = np.asarray(real.counts.sum(axis=0)).ravel() > 500
    cells = [np.log1p(slide.counts[:, genes].toarray()) for slide in (real, noise)]
    assert abs(np.corrcoef(cells[0].ravel(), cells[1].ravel())[0, 1]) < 0.1
    assert abs(np.corrcoef(real.totals, noise.totals)[0, 1]) < 0.25
