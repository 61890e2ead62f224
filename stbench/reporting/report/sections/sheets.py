"""One slide as it is drawn: its picture, where its spots lie on it, and what was measured and predicted there."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from stbench.record import Record, SlideTruth
from stbench.reporting.report.packed import packed_values
from stbench.reporting.report.sections.choosing import Chosen
from stbench.reporting.report.stored import SlideArrays
from stbench.reporting.results.gene_columns import gene_columns, measured_expression

# Pixels of the longer edge: a map is about half as wide on a screen.
EDGE = 560
# What is shown around the spots, as a share of their extent.
_AROUND = 0.05
_QUALITY = 75


def new_sheet(truth: SlideTruth, chosen: Sequence[Chosen], target: str = "logcpm") -> dict[str, Any]:
    """A slide with the measured values of the chosen genes, all positions in pixels of its small picture."""
    picture, x, y, size = _placed(truth)
    measured = measured_expression(truth, target)
    place = {gene: index for index, gene in enumerate(truth.genes)}
    return {
        "slide": truth.slide,
        "patient": truth.patient,
        "picture": picture,
        "width": size[0],
        "height": size[1],
        "x": [round(float(value), 1) for value in x],
        "y": [round(float(value), 1) for value in y],
        "spacing": round(_spacing(np.stack([x, y], axis=1)), 2),
        "unscored": np.flatnonzero(~truth.scored).tolist(),
        "genes": [
            {"gene": gene, "why": why, "measured": packed_values(measured[:, place[gene]]), "rows": []}
            for gene, why in chosen
            if gene in place
        ],
        "clusters": None,
    }


def add_prediction(sheet: dict[str, Any], row: int, arrays: SlideArrays) -> None:
    """Add one row's prediction of each gene; StorageError where the stored array does not fit its Record."""
    columns = gene_columns(arrays.record, arrays.truth, arrays.prediction)
    scores = _scores(arrays.record, sheet["slide"])
    for gene in sheet["genes"]:
        if gene["gene"] in columns:
            values = packed_values(columns[gene["gene"]])
            gene["rows"].append({"row": row, "values": values, **scores.get(gene["gene"], {})})


def _scores(record: Record, slide: str) -> dict[str, dict[str, float | None]]:
    """Gene -> its PCC and its PCC given depth on that slide."""
    found: dict[str, dict[str, float | None]] = {}
    for scored in record.slides:
        if scored.slide == slide:
            for name in ("pcc", "pcc_given_depth"):
                for gene, value in zip(scored.genes, scored.per_gene.get(name, ()), strict=False):
                    found.setdefault(gene, {})[name] = None if value is None else round(value, 3)
    return found


def _placed(truth: SlideTruth) -> tuple[str | None, np.ndarray, np.ndarray, tuple[int, int]]:
    """The picture as a data address (None where none is stored), spots' x and y on it, width and height."""
    if truth.thumbnail is None or truth.thumbnail_scale is None:
        low = truth.pixel_xy.min(axis=0)
        extent = np.maximum(np.ptp(truth.pixel_xy, axis=0), 1.0)
        margin = 0.05 * EDGE
        scale = (EDGE - 2 * margin) / extent.max()
        x, y = ((truth.pixel_xy - low) * scale + margin).T
        width, height = np.ceil(extent * scale + 2 * margin).astype(int).tolist()
        return None, x, y, (width, height)
    address, corner, shrunk, size = _small_picture(truth.thumbnail, truth.pixel_xy * truth.thumbnail_scale)
    x, y = ((truth.pixel_xy * truth.thumbnail_scale - corner) * shrunk).T
    return address, x, y, size


def _small_picture(jpeg: np.ndarray, spots: np.ndarray) -> tuple[str, np.ndarray, float, tuple[int, int]]:
    """The picture around the spots, at most EDGE px long; its upper left corner, the factor by which it shrank, size.

    spots  (n, 2) x and y in pixels of the picture
    """
    from PIL import Image

    with Image.open(io.BytesIO(jpeg.tobytes())) as picture:
        box = _around(spots, picture.size)
        small = picture.convert("RGB").crop(box)
    longer = max(small.size)
    small.thumbnail((EDGE, EDGE))
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=_QUALITY)
    address = f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
    return address, np.array(box[:2], dtype=float), max(small.size) / longer, small.size


def _around(spots: np.ndarray, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """The part of a picture that holds all spots and a margin, inside the picture; the whole where none lies on it."""
    low, high = spots.min(axis=0), spots.max(axis=0)
    margin = _AROUND * float((high - low).max()) + 1.5 * _spacing(spots)
    left, top = np.clip(np.floor(low - margin), 0, size).astype(int).tolist()
    right, bottom = np.clip(np.ceil(high + margin), 0, size).astype(int).tolist()
    return (left, top, right, bottom) if right - left > 1 and bottom - top > 1 else (0, 0, *size)


def _spacing(positions: np.ndarray) -> float:
    """Median distance of a spot from its nearest neighbour, in pixels of the small picture."""
    from scipy.spatial import KDTree

    if len(positions) < 2:
        return EDGE / 20
    nearest = KDTree(positions).query(positions, k=2)[0][:, 1]
    return float(np.median(nearest)) or 1.0
