"""`stbench datasets check`: every slide read, judged and drawn, with its spots where the files say."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import numpy as np
import pytest
import visium_files as visium
from PIL import Image
from plugins import slides
from plugins.command import Outcome, stbench

from stbench.commands.choosing import find_slides
from stbench.preprocess.patches import large_images_allowed

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
