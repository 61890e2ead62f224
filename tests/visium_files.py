"""A tiny asymmetric Visium slide in the providers' formats, written without the readers: plain text, h5py, gzip.

Every spot is painted on the image in a red of its own and has that red as its count of the gene MARK: a reader that
swaps rows and columns, or x and y, or matches by line, puts a spot on another colour.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
from PIL import Image

WIDTH, HEIGHT, HIRES_SCALE = 240, 160, 0.5
SPOT_DIAMETER = 26.0


class Spot(NamedTuple):
    barcode: str
    in_tissue: int
    row: int
    column: int
    pixel_row: int
    pixel_column: int
    red: int


SPOTS = (
    Spot("GGGG-1", 1, 0, 0, 20, 16, 40),
    Spot("CCCC-1", 0, 0, 2, 20, 220, 60),
    Spot("AAAA-1", 1, 0, 4, 20, 96, 80),
    Spot("TTTT-1", 1, 1, 1, 54, 36, 120),
    Spot("ACGT-1", 1, 5, 3, 120, 76, 160),
)
IN_TISSUE = tuple(sorted((spot for spot in SPOTS if spot.in_tissue), key=lambda spot: spot.barcode))
BARCODES = [spot.barcode for spot in IN_TISSUE]
# MARK tells the spot; TP53 occurs twice; the last is an antibody, no gene.
FEATURES = (
    ("ENSG01", "MARK", "Gene Expression"),
    ("ENSG02", "TP53", "Gene Expression"),
    ("ENSG03", "TP53", "Gene Expression"),
    ("ENSG04", "ZERO", "Gene Expression"),
    ("ADT1", "CD3", "Antibody Capture"),
)
COUNTS = np.array([[spot.red, i, 2 * i + 1, 0, 7] for i, spot in enumerate(IN_TISSUE)])
GENES = ("MARK", "TP53", "TP53-1", "ZERO")


def paint(scale: float = 1.0) -> np.ndarray:
    """The image at a scale: grey, a square in each spot's red around its centre."""
    pixels = np.full((round(HEIGHT * scale), round(WIDTH * scale), 3), 200, dtype=np.uint8)
    for spot in SPOTS:
        y, x = round(spot.pixel_row * scale), round(spot.pixel_column * scale)
        pixels[y - 3 : y + 4, x - 3 : x + 4] = (spot.red, 0, 0)
    return pixels


def assert_spots_lie_on_their_colours(slide) -> None:
    """Each spot's pixel on the slide's image has the red that its MARK count names; rows and columns are right."""
    pixels = np.asarray(Image.open(slide.image).convert("RGB"))
    reds = [int(pixels[round(y), round(x), 0]) for x, y in slide.pixel_xy]
    marks = slide.counts[:, slide.genes.index("MARK")].toarray().ravel().tolist()
    assert reds == marks
    places = {spot.barcode.removesuffix("-1"): [spot.row, spot.column] for spot in SPOTS}
    ids = [spot.removesuffix("-1") for spot in slide.spot_ids]
    assert slide.array_row_column.tolist() == [places[barcode] for barcode in ids]


def _sparse() -> dict[str, np.ndarray]:
    """COUNTS by barcode, compressed by hand: values, feature indices, where each barcode begins."""
    entries = [(int(COUNTS[b, f]), f) for b in range(len(COUNTS)) for f in np.flatnonzero(COUNTS[b])]
    starts = np.concatenate([[0], np.cumsum((COUNTS > 0).sum(axis=1))])
    values, indices = (np.array(column) for column in zip(*entries, strict=True))
    return {
        "data": values.astype(np.int32),
        "indices": indices.astype(np.int64),
        "indptr": starts.astype(np.int64),
    }


def write_hdf5_v3(path: Path) -> None:
    """Cell Ranger 3 on: /matrix with /matrix/features."""
    with h5py.File(path, "w") as file:
        group = file.create_group("matrix")
        for name, values in _sparse().items():
            group[name] = values
        group["barcodes"] = np.array(BARCODES, dtype="S18")
        group["shape"] = np.array([len(FEATURES), len(BARCODES)], dtype=np.int32)
        for i, name in enumerate(("id", "name", "feature_type")):
            group[f"features/{name}"] = np.array([feature[i] for feature in FEATURES], dtype="S256")
        group["features/genome"] = np.array([b"GRCh38"] * len(FEATURES))


def write_hdf5_v2(path: Path) -> None:
    """Cell Ranger 2: a group named after the genome, genes and no features."""
    genes = FEATURES[:4]
    keep = _sparse()["indices"] < len(genes)
    with h5py.File(path, "w") as file:
        group = file.create_group("GRCh38")
        group["data"], group["indices"] = _sparse()["data"][keep], _sparse()["indices"][keep]
        group["indptr"] = np.concatenate([[0], np.cumsum((COUNTS[:, : len(genes)] > 0).sum(axis=1))])
        group["barcodes"] = np.array(BARCODES, dtype="S18")
        group["shape"] = np.array([len(genes), len(BARCODES)])
        group["genes"] = np.array([gene[0] for gene in genes], dtype="S20")
        group["gene_names"] = np.array([gene[1] for gene in genes], dtype="S20")


def write_mex(folder: Path, columns: int = 3, gz: bool = True, barcodes: Sequence[str] = BARCODES) -> None:
    """matrix.mtx, barcodes.tsv and features.tsv (three columns), genes.tsv (two) or features.tsv (symbols only)."""
    folder.mkdir(parents=True, exist_ok=True)
    n_features = len(FEATURES) if columns == 3 else 4
    entries = [
        f"{feature + 1} {spot + 1} {COUNTS[spot, feature]}"
        for spot in range(len(COUNTS))
        for feature in range(n_features)
        if COUNTS[spot, feature]
    ]
    head = ["%%MatrixMarket matrix coordinate integer general", '%metadata_json: {"format_version": 2}']
    matrix = [*head, f"{n_features} {len(COUNTS)} {len(entries)}", *entries]
    shown = {3: slice(0, 3), 2: slice(0, 2), 1: slice(1, 2)}[columns]
    features = ["\t".join(feature[shown]) for feature in FEATURES[:n_features]]
    names = {"matrix.mtx": matrix, "barcodes.tsv": barcodes}
    names["genes.tsv" if columns == 2 else "features.tsv"] = features
    for name, lines in names.items():
        write_text(folder / name, "\n".join(lines) + "\n", gz)


def write_text(path: Path, text: str, gz: bool = False) -> None:
    if gz:
        path.with_name(path.name + ".gz").write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)


def position_lines(spots: Sequence[Spot] = SPOTS) -> list[str]:
    return [",".join(map(str, spot[:6])) for spot in spots]


def write_spatial(folder: Path, version: int = 1) -> None:
    """The folder spatial/ of Space Ranger 1 (no header), 2 (header) or 3 (here: Parquet)."""
    spatial = folder / "spatial"
    spatial.mkdir(parents=True, exist_ok=True)
    header = "barcode,in_tissue,array_row,array_col,pxl_row_in_fullres,pxl_col_in_fullres"
    if version == 1:
        (spatial / "tissue_positions_list.csv").write_text("\n".join(position_lines()) + "\n")
    elif version == 2:
        (spatial / "tissue_positions.csv").write_text("\n".join([header, *position_lines()]) + "\n")
    else:
        import pyarrow as pa
        import pyarrow.parquet as pq

        columns = zip(*[spot[:6] for spot in SPOTS], strict=True)
        pq.write_table(pa.table(dict(zip(header.split(","), map(list, columns), strict=True))),
                       spatial / "tissue_positions.parquet")  # fmt: skip
    factors = {
        "spot_diameter_fullres": SPOT_DIAMETER,
        "tissue_hires_scalef": HIRES_SCALE,
        "fiducial_diameter_fullres": 42.0,
        "tissue_lowres_scalef": 0.15,
    }
    (spatial / "scalefactors_json.json").write_text(json.dumps(factors))
    Image.fromarray(paint(HIRES_SCALE)).save(spatial / "tissue_hires_image.png")
    Image.fromarray(paint(0.15)).save(spatial / "tissue_lowres_image.png")


def write_space_ranger(folder: Path, version: int = 1, full_image: str | None = "image.png") -> None:
    """A whole output folder: HDF5 matrix, spatial/, and the full-resolution image unless it is left out."""
    write_spatial(folder, version)
    write_hdf5_v3(folder / "filtered_feature_bc_matrix.h5")
    if full_image:
        Image.fromarray(paint()).save(folder / full_image)
