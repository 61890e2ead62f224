"""A small Xenium output folder as its files are specified, with an H&E picture that lies turned on the section.

The morphology image has pixels of 0.2 um. The H&E picture is 300 x 200 px of 0.4 um, turned by a quarter: with bins of
40 um there are two rows of three. Transcripts are given by their pixels on the H&E picture.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import tifffile
from pyarrow import parquet

PIXEL, WIDTH, HEIGHT, BIN = 0.2, 300, 200, 40.0
# H&E pixel -> morphology pixel: twice as large, (1, 0) becomes (0, 2), (0, 1) becomes (-2, 0).
ALIGNMENT = np.array([[0.0, -2, 400], [2, 0, 30], [0, 0, 1]])
# x, y on the H&E picture, target, quality
MOLECULES = [
    (10.5, 10.5, "EPCAM", 40), (99.0, 99.0, "EPCAM", 20), (50.0, 50.0, "CD3E", 30), (50.0, 50.0, "CD3E", 19.9),
    (150.0, 20.0, "CD3E", 40), (250.0, 150.0, "MS4A1", 40), (260.0, 160.0, "NegControlProbe_00042", 40),
    (20.0, 150.0, "BLANK_0013", 40), (-5.0, 20.0, "EPCAM", 40), (20.0, 200.5, "CD3E", 40),
]  # fmt: skip
# Spot (column x row) -> counts of CD3E, EPCAM, MS4A1, by hand.
EXPECTED = {"0x0": [1, 2, 0], "1x0": [1, 0, 0], "2x1": [0, 0, 1]}
GENES = ("CD3E", "EPCAM", "MS4A1")


def locations(pixels: np.ndarray) -> np.ndarray:
    """(m, 2) places in microns of pixels of the H&E picture."""
    return (pixels @ ALIGNMENT[:2, :2].T + ALIGNMENT[:2, 2]) * PIXEL


def write_transcripts(
    path: Path, molecules: Sequence[tuple] = MOLECULES, *, as_bytes=False, flagged=False
) -> None:
    """transcripts.parquet: names as bytes, as old versions wrote them, or beside the column is_gene of new ones."""
    x, y, names, quality = zip(*molecules, strict=True)
    places = locations(np.stack([x, y], axis=1)).astype(np.float32)
    columns = {
        "transcript_id": pa.array(range(len(names)), pa.uint64()),
        "x_location": places[:, 0],
        "y_location": places[:, 1],
        "feature_name": pa.array([n.encode() if as_bytes else n for n in names]),
        "qv": pa.array(quality, pa.float32()),
    }
    if flagged:
        columns["is_gene"] = [name in GENES for name in names]
    parquet.write_table(pa.table(columns), path, row_group_size=4)


def picture() -> np.ndarray:
    """(HEIGHT, WIDTH, 3) of noise."""
    return np.random.default_rng(3).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)


def write_xenium(folder: Path, *, aligned: bool = True, **how: bool) -> Path:
    """The folder, with what a reader of transcripts needs."""
    folder.mkdir(parents=True, exist_ok=True)
    write_transcripts(folder / "transcripts.parquet", **how)
    about = {"pixel_size": PIXEL, "analysis_sw_version": "xenium-3.0.0.15", "region_name": "R1"}
    (folder / "experiment.xenium").write_text(json.dumps(about))
    tifffile.imwrite(folder / "morphology.ome.tif", np.zeros((60, 80), np.uint16))
    tifffile.imwrite(folder / "Sample_he_image.ome.tif", picture(), photometric="rgb")
    if aligned:
        lines = [",".join(map(repr, map(float, row))) for row in ALIGNMENT]
        (folder / "Sample_he_imagealignment.csv").write_text("\n".join(lines) + "\n")
    return folder
