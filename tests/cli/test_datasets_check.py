"""`stbench datasets check`: every slide read, judged and drawn, with its spots where the files say."""

from __future__ import annotations

import contextlib
import csv
import functools
import gzip
import io
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import visium_files as visium
from PIL import Image
from plugins import slides
from plugins.command import Outcome, stbench
from tiny_slides import make_slide

import stbench.datasets as stbench_datasets
from stbench import registry
from stbench.cli import main
from stbench.commands.choosing import find_slides
from stbench.errors import StbenchError
from stbench.pictures.pillow_files import large_images_allowed

EDGE = 1_024


def thumbnail(image: Path, width: int) -> tuple[np.ndarray, float]:
    """The image made small as a viewer would, and its pixels per full-resolution pixel."""
    with large_images_allowed(), Image.open(image) as opened:
        scale = min(1.0, EDGE / max(opened.size))
        assert abs(width - opened.width * scale) <= 1
        size = width, round(opened.height * scale)
        return np.asarray(opened.convert("RGB").resize(size, Image.Resampling.BOX)).astype(int), scale


def check_drawn(png: Path, image: Path, pixel_xy: np.ndarray, pitch: float) -> None:
    """The picture is the image but at the spots: centres are coloured, half-way to the neighbours nothing is."""
    drawn = np.asarray(Image.open(png).convert("RGB")).astype(int)
    plain, scale = thumbnail(image, drawn.shape[1])
    drawn = drawn[: len(plain)]
    changed = np.abs(drawn - plain).mean(axis=2)
    x, y = np.floor(pixel_xy * scale).astype(int).T
    at_spots = np.array([changed[v - 1 : v + 2, u - 1 : u + 2].mean() for u, v in zip(x, y, strict=True)])
    rows, columns = np.indices(changed.shape)
    distance = np.full(changed.shape, np.inf)
    for u, v in pixel_xy * scale:
        distance = np.minimum(distance, np.hypot(columns + 0.5 - u, rows + 0.5 - v))
    background = changed[distance > 0.4 * pitch * scale]
    assert np.quantile(at_spots, 0.1) > 3 * background.mean()
    assert np.median(at_spots) > 20 > 3 * background.mean()
    inside = changed[distance < 0.2 * pitch * scale]
    assert inside.mean() > 5 * background.mean()


def rows_of(result: Outcome) -> dict[str, dict]:
    return {row["slide"]: row for row in result.document["slides"]}


def her2_positions(root: Path, slide: str) -> np.ndarray:
    """x, y of the spots as the selection file has them, read as plain text."""
    with (root / "her2st/data/ST-spotfiles" / f"{slide}_selection.tsv").open() as file:
        cells = list(csv.DictReader(file, delimiter="\t"))
    return np.array(
        [[float(row["pixel_x"]), float(row["pixel_y"])] for row in cells if row["selected"] == "1"]
    )


def test_real_slides_pass_and_are_drawn(shared_data: Path, shared_cache: Path, tmp_path: Path):
    result = stbench("datasets", "check", "her2", "--data-root", shared_data, "--to", tmp_path, "--json")
    assert result.status == 0, result.err
    rows = rows_of(result)
    there = {name: row for name, row in rows.items() if row["status"] != "MISSING"}
    assert {name: (row["status"], row["spots"], row["labelled"]) for name, row in there.items()} == {
        "B4": ("PASS", 283, 0),
        "C2": ("PASS", 187, 0),
        "C3": ("PASS", 180, 0),
        "C4": ("PASS", 184, 0),
        "C5": ("PASS", 181, 0),
    }
    assert len(rows) == 36 and "one image" in rows["A1"]["problem"]
    assert result.document["problems"] == ["5 slides are here; the card states 36"]
    assert any("1 have a position but no counts" in note for note in rows["B4"]["notes"])
    for name in ("B4", "C2"):
        (image,) = (shared_data / "her2st/data/ST-imgs" / name[0] / name).glob("*.jpg")
        xy = her2_positions(shared_data, name)
        assert rows[name]["picture"] == str(tmp_path / f"{name}.png")
        check_drawn(tmp_path / f"{name}.png", image, xy, pitch=270)


@pytest.fixture
def altered(shared_data: Path, tmp_path: Path) -> Path:
    """C3 with x and y exchanged, C2 without its last spot: real files otherwise."""
    data, source = tmp_path / "altered/her2st/data", shared_data / "her2st/data"
    for slide in ("C2", "C3"):
        (image,) = (source / "ST-imgs" / slide[0] / slide).glob("*.jpg")
        for path in (
            image,
            source / f"ST-spotfiles/{slide}_selection.tsv",
            source / f"ST-cnts/{slide}.tsv.gz",
        ):
            target = data / path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(path)
    spots, counts = data / "ST-spotfiles/C3_selection.tsv", data / "ST-cnts/C2.tsv.gz"
    header, *lines = spots.read_text().splitlines()
    header = header.replace("pixel_x", "pixel").replace("pixel_y", "pixel_x").replace("pixel\t", "pixel_y\t")
    spots.unlink()
    spots.write_text("\n".join([header, *lines]))
    whole = gzip.decompress(counts.read_bytes()).decode().splitlines()
    counts.unlink()
    counts.write_bytes(gzip.compress("\n".join(whole[:-1]).encode(), 1))
    return tmp_path / "altered"


def test_differences_and_exchanged_axes_are_warned_of(altered: Path, shared_cache: Path, tmp_path: Path):
    result = stbench("datasets", "check", "her2", "--data-root", altered, "--to", tmp_path, "--json")
    assert result.status == 0, result.err
    rows = rows_of(result)
    assert (rows["C2"]["status"], rows["C3"]["status"]) == ("WARN", "WARN")
    assert "with x and y exchanged; are they the wrong way round?" in rows["C3"]["problem"]
    assert rows["C2"]["problem"] == "186 spots; the card states 187"


def test_demo_tiny_is_drawn_by_label(shared_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    result = stbench("datasets", "check", "demo-tiny")
    assert result.status == 0, result.err
    assert result.out.count("PASS") == 4
    folder = tmp_path / "stbench-checks" / "demo-tiny"
    assert {path.name for path in folder.iterdir()} == {"A1.png", "B1.png", "C1.png", "D1.png"}
    for source in find_slides("demo-tiny", None)[0]:
        slide = source.read()
        check_drawn(folder / f"{source.id}.png", slide.image, slide.pixel_xy, pitch=200)
        check_tints(folder / f"{source.id}.png", slide)


def check_tints(png: Path, slide) -> None:
    """What the discs add to the picture differs from label to label, and little within one."""
    drawn = np.asarray(Image.open(png).convert("RGB")).astype(float)
    plain, scale = thumbnail(slide.image, drawn.shape[1])
    x, y = np.floor(slide.pixel_xy * scale).astype(int).T
    added = np.array(
        [
            (drawn[v - 4 : v + 5, u - 4 : u + 5] - 0.4 * plain[v - 4 : v + 5, u - 4 : u + 5]).mean((0, 1))
            for u, v in zip(x, y, strict=True)
        ]
    )
    means = np.array([added[slide.annotation == label].mean(axis=0) for label in np.unique(slide.annotation)])
    within = max(added[slide.annotation == label].std(axis=0).max() for label in np.unique(slide.annotation))
    between = min(np.abs(a - b).max() for i, a in enumerate(means) for b in means[:i])
    assert between > 4 * within


def test_an_unusable_slide_fails_and_the_others_are_checked(tmp_path: Path, cache: Path):
    root = slides.write_slides(tmp_path / "data", ("A1", "B1", "C1", "D1"))
    image = slides.image_file(root, "B1")
    image.write_bytes(image.read_bytes()[:-100])
    spots = slides.spots_file(root, "C1")
    spots.write_text(spots.read_text().replace("72.5", "7200.5"))
    result = stbench("datasets", "check", "her2", "--data-root", root, "--to", tmp_path / "to", "--json")
    assert result.status == 1
    assert "2 slides of her2 cannot be read: B1, C1" in result.err
    rows = rows_of(result)
    assert [rows[name]["status"] for name in ("A1", "B1", "C1", "D1")] == ["WARN", "FAIL", "FAIL", "WARN"]
    assert "the card states that the slide is annotated" in rows["A1"]["problem"]
    assert "HE.jpg" in rows["B1"]["problem"] and "outside" in rows["C1"]["problem"]
    assert rows["B1"]["picture"] is None
    assert {path.name for path in (tmp_path / "to").iterdir()} == {"A1.png", "D1.png"}


BROKEN = """
from stbench.contract import Dataset, SlideSource


def read():
    return {}["no such key"]


class plugin(Dataset):
    name = "broken"

    def slides(self, root):
        from pathlib import Path
        from tiny_slides import make_slide, sources_of

        sound = sources_of({"S1": make_slide(root, "S1", "A", 0), "S3": make_slide(root, "S3", "A", 1)})
        return [sound[0], SlideSource("S2", "A", {}, read), sound[1]]
"""


@pytest.fixture
def broken(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A data set whose reader fails on S2 as nobody foresaw; the folder of its data."""
    folder = tmp_path / "plugins" / "broken"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(BROKEN)
    facts = ("title", "summary", "citation", "licence", "download_size")
    card = dict.fromkeys(facts, "x") | {"platform": "ST", "n_slides": 3, "n_patients": 1}
    (folder / "card.yaml").write_text(json.dumps(card))
    monkeypatch.setattr(stbench_datasets, "__path__", [*stbench_datasets.__path__, str(folder.parent)])
    monkeypatch.setattr(registry, "plugins", functools.cache(registry.plugins.__wrapped__))
    (tmp_path / "data").mkdir()
    yield tmp_path / "data"
    sys.modules.pop("stbench.datasets.broken", None)


def test_an_error_that_nobody_foresaw_is_one_slides_failure(
    broken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    command = ("datasets", "check", "broken", "--data-root", broken, "--to", tmp_path / "to", "--json")
    result = stbench(*command)
    assert result.status == 1
    rows = rows_of(result)
    assert {name: row["status"] for name, row in rows.items()} == {"S1": "PASS", "S2": "FAIL", "S3": "PASS"}
    assert "KeyError ('no such key')" in rows["S2"]["problem"] and "\n" not in rows["S2"]["problem"]
    assert "1 slide of broken cannot be read: S2" in result.err and "Traceback" not in result.err
    assert result.document["genes_shared"] == 30
    monkeypatch.setattr(sys, "argv", ["stbench", "--debug", *map(str, command)])
    with (
        contextlib.redirect_stderr(io.StringIO()) as told,
        contextlib.redirect_stdout(io.StringIO()),
        pytest.raises(StbenchError, match="cannot be read: S2"),
    ):
        main()
    assert 'return {}["no such key"]' in told.getvalue()


def test_a_picture_that_cannot_be_drawn_is_one_slides_failure(broken: Path, tmp_path: Path):
    (tmp_path / "to" / "S1.png" / "taken").mkdir(parents=True)
    result = stbench("datasets", "check", "broken", "--data-root", broken, "--to", tmp_path / "to", "--json")
    rows = rows_of(result)
    assert {name: row["status"] for name, row in rows.items()} == {"S1": "FAIL", "S2": "FAIL", "S3": "PASS"}
    assert "S1.png" in rows["S1"]["problem"]
    assert (rows["S1"]["spots"], rows["S1"]["picture"]) == (36, None)


def write_round_slide(folder: Path, name: str, seed: int, exchanged: bool = False) -> None:
    """A slide in plain tables whose tissue looks the same with x and y exchanged: 36 stained spots in a square."""
    slide = make_slide(folder / "drawn", name, "A", seed)
    centres = np.rint(slide.pixel_xy / 20) * 60
    image = np.full((420, 420, 3), 240, np.uint8)
    for x, y in centres.astype(int):
        image[y - 24 : y + 24, x - 24 : x + 24] = (150, 60, 140)
    (folder / name).mkdir(parents=True)
    Image.fromarray(image).save(folder / name / f"{name}.png")
    shutil.rmtree(folder / "drawn")
    counts = pd.DataFrame(slide.counts.toarray(), index=slide.spot_ids, columns=slide.genes)
    counts.to_csv(folder / name / f"{name}_counts.tsv", sep="\t")
    pixels = ["pixel_y", "pixel_x"] if exchanged else ["pixel_x", "pixel_y"]
    spots = pd.DataFrame(
        slide.array_row_column[:, ::-1], index=slide.spot_ids, columns=["array_x", "array_y"]
    )
    spots[pixels] = centres
    spots.to_csv(folder / name / f"{name}_spots.tsv", sep="\t", index_label="barcode")


def test_an_exchanged_slide_of_round_tissue_is_named(tmp_path: Path, cache: Path):
    for seed, name in enumerate(("S1", "S2", "S3")):
        write_round_slide(tmp_path / "mine", name, seed, exchanged=name == "S2")
    result = stbench("datasets", "check", f"path:{tmp_path / 'mine'}", "--to", tmp_path / "to", "--json")
    assert result.status == 0, result.err
    rows = rows_of(result)
    assert {name: row["status"] for name, row in rows.items()} == {"S1": "PASS", "S2": "WARN", "S3": "PASS"}
    assert "unlike that of S1, S3: x and y look exchanged" in rows["S2"]["problem"]


def test_each_slide_says_what_it_is_and_duplicates_are_named(tmp_path: Path, cache: Path):
    folder = tmp_path / "mine"
    for seed, name in enumerate(("S1", "S2")):
        write_round_slide(folder, name, seed)
    write_round_slide(folder, "S3", 0)
    (folder / "slides.csv").write_text("slide,patient,um_per_px\nS1,A,3.3\nS2,A,3.3\nS3,B,3.3\n")
    command = ("datasets", "check", f"path:{folder}", "--to", tmp_path / "to")
    result = stbench(*command, "--json")
    assert result.status == 0, result.err
    row = rows_of(result)["S1"]
    assert (row["platform"], row["spots"], row["scored"], row["genes"]) == ("ST", 36, 34, 30)
    assert (row["microns_per_pixel"], row["outside"], row["labelled"]) == (3.3, 0, 0)
    assert row["image"] == {"name": "S1.png", "width": 420, "height": 420, "full_resolution": True}
    assert "slides.csv" in row["scale_source"] and row["warnings"] == []
    found = [(*pair["slides"], pair["by"]) for pair in result.document["duplicates"]]
    same_image = [("S1", "S2", "image"), ("S1", "S3", "image"), ("S2", "S3", "image")]
    assert sorted(found) == sorted([("S1", "S3", "counts"), *same_image])
    assert any("S1 and S3 (patients A and B) have the same counts" in p for p in result.document["problems"])
    shown = stbench(*command).out
    table = [line for line in shown.splitlines() if line.startswith(("status", "─", "PASS", "WARN"))]
    assert len(table) == 2 + 3 and max(map(len, table)) <= 80 and " 34 " in shown
    assert "S1: ST, S1.png of 420 x 420 px, full resolution" in shown
    assert "30 genes are shared by all slides" in shown


def test_a_folder_of_ones_own_is_checked(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch):
    for name in ("S1", "S2"):
        visium.write_space_ranger(tmp_path / "mine" / name, full_image="image.png")
    monkeypatch.chdir(tmp_path)
    result = stbench("datasets", "check", f"path:{tmp_path / 'mine'}", "--json")
    assert result.status == 0, result.err
    assert result.document["dataset"] == "path:mine"
    assert [row["spots"] for row in result.document["slides"]] == [4, 4]
    assert any("TP53, say" in note for note in result.document["slides"][0]["notes"])
    assert (tmp_path / "stbench-checks" / "path-mine" / "S1.png").is_file()


def test_wrong_usage_is_one_sentence(tmp_path: Path, cache: Path):
    absent = stbench("datasets", "check", "alex", "--data-root", tmp_path)
    assert (absent.status, absent.out) == (2, "") and "stbench datasets fetch alex" in absent.err
    (tmp_path / "file").write_text("")
    blocked = stbench("datasets", "check", "demo-tiny", "--to", tmp_path / "file")
    assert blocked.status == 2 and "Cannot write" in blocked.err and "Traceback" not in blocked.err
