"""CosMx output folders: what a bin holds, by hand."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stbench.contract import ReadingOptions
from stbench.errors import DatasetError
from stbench.slide import Slide
from stbench.slide_files.cosmx_files import cosmx_files, cosmx_lacks, is_cosmx, read_cosmx

# The picture is 60 x 40 px; one of its pixels is 4 global ones, upside down: y = 1000 - 4 y'.
ALIGNMENT = "4,0,100\n0,-4,1000\n0,0,1\n"
# Global pixels of 0.125 um: a pixel of the picture is 0.5 um, and bins of 10 um are 20 px: 2 rows of 3.
FIELDS = "FOV,x_global_px,y_global_px,x_global_mm\n1,0,0,10.0\n2,4000,0,10.5\n3,8000,0,11.0\n"
# Pixels on the picture, and what lies there.
MOLECULES = [(1, 1, "KRT8"), (19, 19, "KRT8"), (21, 1, "CD74"), (41, 39, "KRT8"), (59, 21, "CD74"), (70, 1, "CD74"),
             (1, 1, "NegPrb3"), (1, 1, "SystemControl12")]  # fmt: skip
EXPECTED = {"0x0": [0, 2], "1x0": [1, 0], "2x1": [1, 1]}  # CD74, KRT8


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Image.fromarray(np.zeros((40, 60, 3), np.uint8)).save(tmp_path / "HE.png")
    (tmp_path / "HEalignment.csv").write_text(ALIGNMENT)
    (tmp_path / "Lung_fov_positions_file.csv").write_text(FIELDS)
    lines = [
        f"1,{i},{100 + 4 * x},{1000 - 4 * y},2,{gene},Nuclear" for i, (x, y, gene) in enumerate(MOLECULES)
    ]
    text = "fov,cell_ID,x_global_px,y_global_px,z,target,CellComp\n" + "\n".join(lines) + "\n"
    (tmp_path / "Lung_tx_file.csv.gz").write_bytes(gzip.compress(text.encode()))
    return tmp_path


def read(folder: Path, bin_um: float = 10.0) -> Slide:
    return read_cosmx("S1", cosmx_files(folder), patient=None, reading=ReadingOptions(bin_um=bin_um))


def test_transcripts_are_counted_in_bins_of_the_aligned_picture(folder: Path):
    slide = read(folder)
    assert is_cosmx(folder)
    assert slide.genes == ("CD74", "KRT8")
    assert dict(zip(slide.spot_ids, slide.counts.toarray().tolist(), strict=True)) == EXPECTED
    np.testing.assert_allclose(slide.pixel_xy, [[10, 10], [30, 10], [50, 30]])
    assert slide.microns_per_pixel == pytest.approx(0.5) and slide.platform == "CosMx"
    assert slide.scale_source == "millimetres of Lung_fov_positions_file.csv through HEalignment.csv"
    assert slide.warnings == ("1 of 6 molecules lie outside the picture's bins and are left out",)


@pytest.mark.parametrize("fields", [None, "fov,x_global_px\n1,0\n", "fov,x_global_px,x_mm\n1,0,0\n"])
def test_without_millimetres_a_pixel_is_what_the_maker_states(folder: Path, fields: str | None):
    path = folder / "Lung_fov_positions_file.csv"
    path.write_text(fields) if fields else path.unlink()
    slide = read(folder)
    assert slide.microns_per_pixel == pytest.approx(4 * 0.120280945)
    assert slide.scale_source == "CosMx pixels of 0.1203 um through HEalignment.csv"


def test_without_an_alignment_the_slide_is_not_complete(folder: Path):
    (folder / "HEalignment.csv").unlink()
    assert cosmx_lacks(cosmx_files(folder)).startswith("HEalignment.csv (three rows of three numbers")
    with pytest.raises(DatasetError, match="Slide S1 lacks HEalignment"):
        read(folder)


@pytest.mark.parametrize("content", [b"fov,target\n1,A\n", gzip.compress(b"x" * 99, mtime=0)[:15], b""])
def test_another_table_is_one_sentence(folder: Path, content: bytes):
    name = "Lung_tx_file.csv.gz" if content.startswith(b"\x1f") else "Lung_tx_file.csv"
    (folder / "Lung_tx_file.csv.gz").unlink()
    (folder / name).write_bytes(content)
    with pytest.raises(DatasetError, match="is no table with the columns x_global_px, y_global_px, target"):
        read(folder)
