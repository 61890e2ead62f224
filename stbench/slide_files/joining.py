"""Counts, positions, labels and an image become one Slide; they are matched by spot id, never by row."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from stbench.errors import DatasetError
from stbench.slide import Slide

from .images import image_size
from .parts import CountMatrix, SpotLabels, SpotPositions

log = logging.getLogger(__name__)


def join_slide(
    slide: str,
    counts: CountMatrix,
    positions: SpotPositions,
    image: Path,
    *,
    patient: str | None,
    platform: str,
    labels: SpotLabels | None = None,
    microns_per_pixel: float | None = None,
) -> Slide:
    """The slide made of the spots that have both counts and a position, in the order of the counts.

    `positions` are in pixels of `image`. Barcodes that differ by the suffix -1 alone are the same spot. Raises
    DatasetError where no spot is in common, a spot lies outside the image, or labels belong to other spots.
    """
    place = pd.Index(spelled_as(counts.spot_ids, positions.spot_ids)).get_indexer(pd.Index(counts.spot_ids))
    rows = np.flatnonzero(place >= 0)
    if rows.size == 0:
        raise DatasetError(
            f"{counts.file} and {positions.file} have no spot in common; are both of {slide}? "
            f"The counts name {counts.spot_ids[0]}, the positions {positions.spot_ids[0]}."
        )
    _log_difference(slide, counts, positions, len(rows))
    spot_ids, place = [counts.spot_ids[row] for row in rows], place[rows]
    pixel_xy = positions.pixel_xy[place]
    _check_inside(pixel_xy, spot_ids, positions.file, image)
    return Slide(
        id=slide,
        patient=patient,
        platform=platform,
        image=image,
        spot_ids=tuple(spot_ids),
        pixel_xy=pixel_xy,
        array_row_column=positions.array_row_column[place],
        counts=counts.counts if len(rows) == len(counts.spot_ids) else counts.counts[rows],
        genes=counts.genes,
        microns_per_pixel=microns_per_pixel,
        annotation=None if labels is None else labels_of(labels, spot_ids),
    )


def spelled_as(known: Sequence[str], spot_ids: Sequence[str]) -> list[str]:
    """`spot_ids` as `known` spells them: where no id is known, all get or lose the suffix -1 if that helps."""
    wanted = set(known)
    candidates = (
        list(spot_ids),
        [spot.removesuffix("-1") for spot in spot_ids],
        [f"{spot}-1" for spot in spot_ids],
    )
    return next((names for names in candidates if not wanted.isdisjoint(names)), candidates[0])


def labels_of(labels: SpotLabels, spot_ids: Sequence[str]) -> np.ndarray:
    """The label of each spot, "" for none; DatasetError where no spot has one."""
    names = spelled_as(spot_ids, list(labels.by_spot))
    by_spot = dict(zip(names, labels.by_spot.values(), strict=True))
    if by_spot.keys().isdisjoint(spot_ids):
        raise DatasetError(
            f"{labels.file} labels none of the slide's spots; does it belong to another slide?"
        )
    return np.array([by_spot.get(spot, "") for spot in spot_ids])


def _log_difference(slide: str, counts: CountMatrix, positions: SpotPositions, n_common: int) -> None:
    if positions.n_outside_tissue:
        log.info(
            "%s: %d spots are not under tissue and left out", positions.file.name, positions.n_outside_tissue
        )
    without_counts = len(positions.spot_ids) - n_common
    without_position = len(counts.spot_ids) - n_common
    if without_counts or without_position:
        log.info(
            "%s: %d spots used; %d have a position but no counts, %d counts but are not under tissue",
            *(slide, n_common, without_counts, without_position),
        )


def _check_inside(pixel_xy: np.ndarray, spot_ids: list[str], positions: Path, image: Path) -> None:
    width, height = image_size(image)
    outside = np.flatnonzero(((pixel_xy < 0) | (pixel_xy >= (width, height))).any(axis=1))
    if outside.size:
        x, y = pixel_xy[outside[0]]
        raise DatasetError(
            f"{positions}: spot {spot_ids[outside[0]]} at pixel ({x:.0f}, {y:.0f}) lies outside "
            f"{image} of {width} x {height} px ({outside.size} spots do); is it the full-size image?"
        )
