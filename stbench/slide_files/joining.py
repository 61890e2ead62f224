"""Counts, positions, labels and an image become one Slide; they are matched by spot id, never by row."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from stbench.contract import READ_AS_IS, ReadingOptions
from stbench.errors import DatasetError
from stbench.slide import Slide

from .frames import inside
from .geometry import UNKNOWN_PLATFORM, geometry_of, platform_of
from .image_scale import StatedScale, stated_microns
from .parts import CountMatrix, SpotLabels, SpotPositions
from .scale import NO_SCALE, OPTION, ScaleSigns, contradiction, told_scale

log = logging.getLogger(__name__)


class SlideFacts(NamedTuple):
    """What is known of a slide besides its counts, places and image.

    platform  as somebody states it, None where its geometry has to tell
    signs     what there is to tell its scale from, besides what its image states
    warnings  what its reader had to fall back on
    """

    patient: str | None
    platform: str | None = None
    signs: ScaleSigns = ScaleSigns()
    warnings: tuple[str, ...] = ()


def join_slide(
    slide: str,
    counts: CountMatrix,
    positions: SpotPositions,
    image: Path,
    facts: SlideFacts,
    *,
    labels: SpotLabels | None = None,
    reading: ReadingOptions = READ_AS_IS,
) -> Slide:
    """The slide made of the spots that have both counts and a position, in the order of the counts.

    `positions` are in pixels of `image`. Barcodes that differ by the suffix -1 alone are the same spot. Raises
    DatasetError where no spot is in common, a spot lies outside the image and is not to be left out, or labels belong
    to other spots.
    """
    rows, place = _in_common(slide, counts, positions)
    spot_ids = [counts.spot_ids[row] for row in rows]
    within = inside(positions.pixel_xy[place], spot_ids, positions.file, image, reading.drop_outside)
    rows, place = rows[within], place[within]
    spot_ids = [counts.spot_ids[row] for row in rows]
    pixel_xy, array = positions.pixel_xy[place], positions.array_row_column[place]
    known = _platform_and_scale(array, pixel_xy, image, facts, reading)
    left_out = _left_out(within, image)
    return Slide(
        id=slide,
        patient=facts.patient,
        platform=known.platform,
        image=image,
        spot_ids=tuple(spot_ids),
        pixel_xy=pixel_xy,
        array_row_column=array,
        counts=counts.counts if len(rows) == len(counts.spot_ids) else counts.counts[rows],
        genes=counts.genes,
        microns_per_pixel=known.scale.microns if known.scale else None,
        annotation=None if labels is None else labels_of(labels, spot_ids),
        scale_source=known.scale.words if known.scale else NO_SCALE,
        warnings=tuple(filter(None, (*facts.warnings, left_out, *known.doubts))),
    )


def _in_common(slide: str, counts: CountMatrix, positions: SpotPositions) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the counts that have a position, and where each has it; DatasetError for none."""
    place = pd.Index(spelled_as(counts.spot_ids, positions.spot_ids)).get_indexer(pd.Index(counts.spot_ids))
    rows = np.flatnonzero(place >= 0)
    if rows.size == 0:
        raise DatasetError(
            f"{counts.file} and {positions.file} have no spot in common; are both of {slide}? "
            f"The counts name {counts.spot_ids[0]}, the positions {positions.spot_ids[0]}."
        )
    _log_difference(slide, counts, positions, len(rows))
    return rows, place[rows]


class _Known(NamedTuple):
    """Platform and scale of a slide, and sentences on what is doubtful about them."""

    platform: str
    scale: StatedScale | None
    doubts: tuple[str, ...]


def _platform_and_scale(
    array: np.ndarray, pixel_xy: np.ndarray, image: Path, facts: SlideFacts, reading: ReadingOptions
) -> _Known:
    """The platform as stated, else as the geometry tells; the scale as stated, else as the platform's spots tell."""
    signs = facts.signs
    if signs.stated is None:
        signs = signs._replace(stated=stated_microns(image))
    geometry = geometry_of(array, pixel_xy)
    platform, doubt = facts.platform, ""
    if platform is None and signs.bin_microns is not None:
        platform = "Visium HD"
    if platform is None:
        by_hand = None if signs.spot_diameter is not None else reading.um_per_px
        microns = signs.stated.microns if signs.stated else by_hand
        platform, words = platform_of(geometry, microns, signs.spot_diameter)
        log.info("%s: platform %s, %s", image.name, platform, words)
        if platform == UNKNOWN_PLATFORM:
            doubt = f"platform unknown, for {words}; the column platform of slides.csv states it"
    scale = told_scale(signs, platform, geometry.pitch)
    if scale is None and reading.um_per_px is not None:
        scale = StatedScale(reading.um_per_px, OPTION)
    by_image = signs.stated if facts.signs.stated is None else None
    return _Known(platform, scale, (doubt, contradiction(by_image, signs, platform)))


def _left_out(within: np.ndarray, image: Path) -> str:
    n_outside = int((~within).sum())
    if not n_outside:
        return ""
    return f"{n_outside} of {len(within)} spots lie outside {image.name} and are left out (drop_outside)"


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
