"""A slide that is an image, with its spots or alone: `check` says so, `run` leaves it out by name."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import visium_files as visium
from PIL import Image
from plugins import slides
from plugins.command import stbench
from tiny_slides import make_slide

from stbench.commands.choosing import find_slides, slides_on_disk
from stbench.errors import DatasetError


def place(folder: Path, name: str, seed: int, *, counts: bool = True, spots: bool = True) -> None:
    """An ST-style slide, whole or without its tables, side by side with the others."""
    slide = make_slide(folder, name, None, seed)
    if spots:
        rows = zip(slide.spot_ids, slide.array_row_column, slide.pixel_xy, strict=True)
        lines = [f"{spot}\t{c}\t{r}\t{x}\t{y}" for spot, (r, c), (x, y) in rows]
        header = "barcode\tarray_x\tarray_y\tpixel_x\tpixel_y"
        (folder / f"{name}_spots.tsv").write_text("\n".join([header, *lines]))
    if counts:
        table = [["", *slide.genes]]
        table += [[n, *map(str, row)] for n, row in zip(slide.spot_ids, slide.counts.toarray(), strict=True)]
        (folder / f"{name}_counts.tsv").write_text("\n".join("\t".join(row) for row in table))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """W1 and W2 are whole; B1 has spots, B2 is a folder with an image; X has spots and no image; V is Visium's."""
    folder = tmp_path / "mine"
    place(folder, "W1", 1)
    place(folder, "W2", 2)
    place(folder, "B1", 3, counts=False)
    place(folder / "B2", "B2", 4, counts=False, spots=False)
    place(folder, "X", 5, counts=False)
    (folder / "X.png").unlink()
    visium.write_space_ranger(folder / "V", version=2)
    for path in (folder / "V").rglob("*feature_bc_matrix*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return folder


def test_check_says_what_each_is_and_it_is_no_error(folder, tmp_path, cache):
    result = stbench("datasets", "check", f"path:{folder}", "--to", tmp_path / "drawn", "--json")
    assert result.status == 0, result.err
    rows = {row["slide"]: row for row in result.document["slides"]}
    assert {name: row["status"] for name, row in rows.items()} == {
        "W1": rows["W1"]["status"],
        "W2": rows["W2"]["status"],
        "B1": "IMAGE",
        "B2": "IMAGE",
        "V": "IMAGE",
        "X": "MISSING",
    }
    assert rows["B1"]["problem"].startswith("no expression (an image and its spots, no counts)")
    assert rows["B2"]["problem"].startswith(
        "no expression (an image alone, no counts): stbench predict takes it"
    )
    assert rows["B1"]["spots"] == 36 and rows["B2"]["spots"] is None and rows["V"]["spots"] == 4
    assert (tmp_path / "drawn" / "B1.png").is_file()
    assert rows["W1"]["status"] in ("PASS", "WARN") and result.document["genes_shared"] == 30


def test_a_run_leaves_them_out_by_name_and_says_why(folder, cache):
    options = ("--method", "knn", "--inner", "none", "--split", "slide", "--min-counts", 100, "--n-genes", 10)
    result = stbench(
        "run", *options, "--dataset", f"path:{folder}", "--out", folder.parent / "runs", "--dry-run"
    )
    assert result.status == 0, result.err
    said = " ".join(result.err.split())
    assert "Slides without expression, left out: B2, V, B1 (stbench predict takes them)." in said
    assert "Slides not complete on disk and left out: X." in said and "2 slides, 2 outer folds" in said


def test_who_names_slides_is_not_told_of_the_others(folder, cache):
    options = ("--method", "knn", "--inner", "none", "--split", "slide", "--min-counts", 100, "--n-genes", 10)
    result = stbench("run", *options, "--dataset", f"path:{folder}", "--slides", "W1,W2", "--dry-run")
    assert result.status == 0, result.err
    assert "left out" not in result.err and "2 slides, 2 outer folds" in " ".join(result.err.split())


def test_of_many_slides_left_out_the_first_are_named(tmp_path, cache):
    root = slides.write_slides(tmp_path, ("A1", "B1"))
    result = stbench(
        "run", "--method", "knn", "--inner", "none", "--dataset", "her2", "--data-root", root, "--dry-run"
    )
    assert result.status == 0, result.err
    said = " ".join(result.err.split())
    assert "left out: A2, A3, A4, A5, A6, B2, B3, B4 and 26 more." in said


def test_one_asked_for_by_name_and_a_folder_of_nothing_else_are_one_sentence(folder, cache):
    with pytest.raises(DatasetError, match=r"^Slide B1 of path:.* has no expression"):
        find_slides(f"path:{folder}", None, ["B1"])
    for name in ("W1", "W2"):
        (folder / f"{name}_counts.tsv").unlink()
    with pytest.raises(DatasetError, match=r"^No slide of path:.* has expression \(B2, V, B1, W1, W2\)"):
        find_slides(f"path:{folder}", None)
    assert stbench("datasets", "check", f"path:{folder}", "--to", folder.parent / "drawn").status == 0


def test_a_damaged_image_is_an_error_all_the_same(folder, cache):
    (folder / "B1.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(50))
    result = stbench("datasets", "check", f"path:{folder}", "--to", folder.parent / "drawn", "--json")
    rows = {row["slide"]: row["status"] for row in result.document["slides"]}
    assert result.status == 1 and rows["B1"] == "FAIL" and rows["B2"] == "IMAGE"


def test_slides_csv_lists_them_and_states_their_scale(folder, cache):
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(folder / "figure.png")
    (folder / "slides.csv").write_text("slide,um_per_px\nW1,\nB1,2\nB2,3\n")
    found = slides_on_disk(f"path:{folder}", None)
    assert [source.id for source in found.complete] == ["W1"]
    assert [(slide.id, slide.microns) for slide in found.unmeasured] == [("B1", 2.0), ("B2", 3.0)]
    assert found.unmeasured[0].read is not None and found.unmeasured[0].read().microns_per_pixel == 2.0
    assert found.missing.keys() == {"W2", "X", "V"}  # and not the figure, which is no slide
