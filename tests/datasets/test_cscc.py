"""cSCC: files named as GEO names them, with or without prefix and compression; images unpacked once."""

from __future__ import annotations

import gzip
import io
import logging
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stbench.datasets.cscc import plugin as CutaneousCarcinoma
from stbench.errors import DatasetError
from stbench.registry import dataset_card
from stbench.slide import Slide

pytestmark = pytest.mark.usefixtures("cache")
WIDTH, HEIGHT = 200, 120
# x, y, pixel_x, pixel_y, selected, red painted there and counted of SPINK5.
SPOTS = [
    (10, 20, 150, 30, 1, 40),
    (11, 20, 30, 100, 1, 80),
    (10, 22, 90, 60, 1, 120),
    (12, 20, 180, 20, 0, 160),
]
SELECTION = "x\ty\tnew_x\tnew_y\tpixel_x\tpixel_y\tselected\n" + "".join(
    f"{x}\t{y}\t{x + 0.02}\t{y - 0.03}\t{px}.4\t{py}.2\t{selected}\n" for x, y, px, py, selected, _ in SPOTS
)
# The whole array is counted, in another order than the selection, a spot without position among it.
COUNTS = "\tSPINK5\tKRT5\n1x1\t3\t3\n" + "".join(
    f"{x}x{y}\t{red}\t{i}\n" for i, (x, y, _, _, _, red) in enumerate(SPOTS[::-1])
)


def image_bytes() -> bytes:
    pixels = np.full((HEIGHT, WIDTH, 3), 220, dtype=np.uint8)
    for _, _, px, py, _, red in SPOTS:
        pixels[py - 8 : py + 9, px - 8 : px + 9] = (red, 0, 0)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def place(folder: Path, slide: str, prefix: str = "", gz: bool = True) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    files = {
        f"{prefix}{slide}_stdata.tsv": COUNTS.encode(),
        f"{prefix}spot_data-selection-{slide}.tsv": SELECTION.encode(),
        f"{prefix}{slide}.jpg": image_bytes(),
    }
    for name, content in files.items():
        (folder / f"{name}{'.gz' if gz else ''}").write_bytes(gzip.compress(content) if gz else content)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three slides, each in another dress."""
    place(tmp_path / "cscc", "P2_ST_rep1", "GSM4284316_")
    place(tmp_path / "cscc", "P5_ST_rep2", gz=False)
    place(tmp_path / "cscc", "P10_ST_rep3", "GSM4284327_", gz=False)
    return tmp_path


def slides_of(root: Path) -> dict[str, Slide]:
    return {source.id: source.read() for source in CutaneousCarcinoma().slides(root)}


def test_spots_lie_on_their_colours_whatever_the_files_are_called(root: Path):
    slides = slides_of(root)
    assert {name: slide.patient for name, slide in slides.items()} == {
        "P2_ST_rep1": "P2",
        "P5_ST_rep2": "P5",
        "P10_ST_rep3": "P10",
    }
    for slide in slides.values():
        assert slide.spot_ids == ("10x22", "11x20", "10x20")  # in the order of the counts
        assert slide.array_row_column.tolist() == [[22, 10], [20, 11], [20, 10]]
        pixels = np.asarray(Image.open(slide.image))
        reds = [int(pixels[round(y), round(x), 0]) for x, y in slide.pixel_xy]
        np.testing.assert_allclose(reds, slide.counts[:, 0].toarray().ravel(), atol=6)
        assert (slide.platform, slide.annotation, slide.microns_per_pixel) == ("ST", None, None)


def test_spots_that_are_left_out_are_counted(root: Path, caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.INFO):
        CutaneousCarcinoma().slides(root)[0].read()
    assert "1 spots are not under tissue" in caplog.text
    assert "P2_ST_rep1: 3 spots used; 0 have a position but no counts, 2 counts" in caplog.text


def test_images_are_unpacked_into_the_cache_only(root: Path, cache: Path):
    before = sorted(root.rglob("*.*"))
    slides = slides_of(root)
    assert slides["P2_ST_rep1"].image.is_relative_to(cache / "images")
    assert slides["P5_ST_rep2"].image.is_relative_to(root)
    assert sorted(path for path in root.rglob("*.*") if not path.is_relative_to(cache)) == before


@pytest.mark.parametrize("folder", ["", "cscc", "GSE144240", "GSE144240_RAW"])
def test_the_folder_may_have_the_series_name(tmp_path: Path, folder: str):
    for slide in ("P9_ST_rep1", "P9_ST_rep2"):
        place(tmp_path / folder, slide, gz=False)
    assert list(slides_of(tmp_path)) == ["P9_ST_rep1", "P9_ST_rep2"]


def test_incomplete_slides_are_named(root: Path):
    missing = CutaneousCarcinoma().missing(root)
    assert len(missing) == (dataset_card("cscc").n_slides or 0) - 3
    (root / "cscc" / "P5_ST_rep2.jpg").unlink()
    assert CutaneousCarcinoma().missing(root)["P5_ST_rep2"] == "image (P5_ST_rep2.jpg[.gz])"
    (root / "cscc" / "GSM4284327_P10_ST_rep3.jpg").unlink()
    with pytest.raises(DatasetError, match="has 1 complete slides and needs at least two"):
        CutaneousCarcinoma().slides(root)


def test_absent_dataset_names_the_command(tmp_path: Path):
    with pytest.raises(DatasetError, match="stbench datasets fetch cscc"):
        CutaneousCarcinoma().slides(tmp_path)


@pytest.mark.parametrize("part", ["stdata.tsv", "spot_data-selection-P2_ST_rep1.tsv", "ST_rep1.jpg"])
def test_truncated_downloads_are_named(root: Path, part: str):
    path = next((root / "cscc").glob(f"GSM4284316_*{part}.gz"))
    path.write_bytes(path.read_bytes()[:-12])
    with pytest.raises(DatasetError, match=rf"{part.replace('.', '.')}\.gz cannot be read whole"):
        CutaneousCarcinoma().slides(root)[0].read()


def test_scrambled_copy_changes_one_slides_counts_only(root: Path, tmp_path: Path):
    before = slides_of(root)
    CutaneousCarcinoma().copy_scrambled(root, "P2_ST_rep1", tmp_path / "copy", seed=3)
    after = slides_of(tmp_path / "copy")
    assert after.keys() == before.keys()
    for name in before:
        assert before[name].image.read_bytes() == after[name].image.read_bytes()
        assert np.array_equal(before[name].pixel_xy, after[name].pixel_xy)
        assert ((before[name].counts != after[name].counts).nnz > 0) == (name == "P2_ST_rep1")
    with pytest.raises(DatasetError, match="must not overwrite"):
        CutaneousCarcinoma().copy_scrambled(root, "P2_ST_rep1", root / "cscc", seed=0)
    with pytest.raises(DatasetError, match="no complete slide 'P5_ST_rep1'"):
        CutaneousCarcinoma().copy_scrambled(root, "P5_ST_rep1", tmp_path / "other", seed=0)
