"""Slides to predict: an image alone, an image with a spot file, or those of path:DIR, with counts or without.

A slide without expression is a Slide without genes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy import sparse

from stbench.commands.choosing import slides_on_disk
from stbench.contract import UnmeasuredSlide
from stbench.errors import DatasetError, UsageError
from stbench.models.model_card import TrainingData
from stbench.pictures.suffixes import SUFFIXES, image_stem, image_suffix
from stbench.preprocess.spot_grid import arrays_of, diameter, lay_grid, within_array
from stbench.preprocess.tissue import LEAST_SHARE, tissue_shares
from stbench.slide import Slide
from stbench.slide_files.geometry import UNKNOWN_PLATFORM
from stbench.slide_files.image_scale import StatedScale, stated_microns
from stbench.slide_files.images import image_size
from stbench.slide_files.spot_tables import read_spot_table
from stbench.slide_files.text import first_file

_FOLDER = "path:"


@dataclass(frozen=True, eq=False)
class Query:
    """A slide to predict.

    regions   spots, by number, that a method sees together: all of a slide whose spots are given, an array's worth
              of a grid that was laid; the slide's array positions are those within a region
    diameter  of a spot, in full-resolution pixels, None where nothing tells
    laid      whether the spots are a grid of ours
    """

    slide: Slide
    regions: tuple[np.ndarray, ...]
    diameter: float | None
    laid: bool = False


@dataclass(frozen=True)
class Layout:
    """How slides are read: where spots come from where no file says so, and the scale where no file states it.

    needs_scale  whether a slide without a scale is refused: nothing can be compared with training slides without one
    """

    platform: str
    pitch_um: float | None
    um_per_px: float | None
    spots: Path | None = None
    needs_scale: bool = True

    @classmethod
    def of(
        cls, data: TrainingData, pitch_um: float | None, um_per_px: float | None, spots: Path | None
    ) -> Layout:
        """The training slides' platform and pitch, unless another pitch is given; UsageError for what no slide has."""
        for option, number in (("--pitch-um", pitch_um), ("--um-per-px", um_per_px)):
            if number is not None and not 0 < number < float("inf"):
                raise UsageError(f"{option} must be a positive number of microns; found {number:g}.")
        if spots is not None and not spots.is_file():
            raise UsageError(
                f"There is no spot file {spots}; give the table of the slide's spots by --spots."
            )
        pitch, needs_scale = pitch_um or data.pitch_um, data.microns_per_pixel is not None
        return cls(data.platform, pitch, um_per_px, spots, needs_scale)


def queries(given: Sequence[str | Path], layout: Layout) -> list[Query]:
    """The slides that are meant, in order; UsageError, one sentence, for what is none."""
    if layout.spots is not None and len(given) != 1:
        raise UsageError(
            f"--spots holds the spots of one slide, but {len(given)} are given; predict them one by one."
        )
    found = [query for text in given for query in _meant(str(text), layout)]
    names = [query.slide.id for query in found]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise UsageError(f"Two slides are called {twice}; rename one of the images, or predict them apart.")
    if not found:
        raise UsageError("No slide is given; give an image, or path:DIR for a folder of slides.")
    return found


def _meant(text: str, layout: Layout) -> list[Query]:
    if text.startswith(_FOLDER):
        return _of_folder(text, layout)
    path = Path(text).expanduser()
    if path.is_dir():
        raise UsageError(f"{path} is a folder; give an image, or {_FOLDER}{path} for the slides in it.")
    if not path.is_file():
        raise DatasetError(f"There is no image {path}.")
    if not image_suffix(path.name):
        raise DatasetError(f"{path} is no image that can be read; images end in {', '.join(SUFFIXES)}.")
    name = image_stem(path.name)
    spots = layout.spots or _spots_beside(path.parent, name)
    return [_with_spots(name, path, spots, layout) if spots else _image_alone(name, path, layout)]


def _spots_beside(folder: Path, name: str) -> Path | None:
    return first_file(folder / f"{name}_spots.tsv", folder / f"{name}_spots.tsv.gz")


def _of_folder(text: str, layout: Layout) -> list[Query]:
    """The slides of path:DIR, with expression or without."""
    if not Path(text.removeprefix(_FOLDER)).expanduser().is_dir():
        raise DatasetError(f"{text} names no folder; give the folder of your slides.")
    found = slides_on_disk(text, None)
    complete = [_given(_scaled(source.read(), layout), layout) for source in found.complete]
    return [*complete, *(_without_counts(bare, layout) for bare in found.unmeasured)]


def _without_counts(bare: UnmeasuredSlide, layout: Layout) -> Query:
    if bare.read is None:
        stated = None if bare.microns is None else StatedScale(bare.microns, "um_per_px of slides.csv")
        return _image_alone(bare.id, bare.image, layout, stated)
    slide = bare.read()
    if slide.platform == UNKNOWN_PLATFORM:
        slide = replace(slide, platform=layout.platform)
    return _given(_scaled(slide, layout), layout)


def _with_spots(name: str, image: Path, spots: Path, layout: Layout) -> Query:
    positions, (width, height) = read_spot_table(spots), image_size(image)
    outside = ((positions.pixel_xy < 0) | (positions.pixel_xy >= (width, height))).any(axis=1)
    if outside.any():
        x, y = positions.pixel_xy[np.argmax(outside)]
        raise DatasetError(
            f"{spots}: spot {positions.spot_ids[int(np.argmax(outside))]} at pixel ({x:.0f}, {y:.0f}) lies outside "
            f"{image} of {width} x {height} px ({int(outside.sum())} spots do); is it the full-size image?"
        )
    slide = _slide(name, image, positions.spot_ids, positions.pixel_xy, positions.array_row_column, layout)
    return _given(slide, layout)


def _given(slide: Slide, layout: Layout) -> Query:
    """A slide whose spots are given: a method sees all of them together."""
    microns, pitch = slide.microns_per_pixel, layout.pitch_um
    across = None if microns is None or pitch is None else diameter(pitch, slide.platform) / microns
    return Query(slide, (np.arange(slide.n_spots),), across)


def _image_alone(name: str, image: Path, layout: Layout, stated: StatedScale | None = None) -> Query:
    """A grid of the training platform's pitch over the tissue of an image; DatasetError where there is none."""
    width, height = image_size(image)
    microns, words = stated if stated and layout.um_per_px is None else _scale(image, layout)
    if layout.pitch_um is None:
        raise UsageError("The model's training slides tell no pitch of their spots; give it by --pitch-um.")
    pitch = layout.pitch_um / microns
    if pitch < 1:
        raise UsageError(
            f"A pitch of {layout.pitch_um:g} microns is {pitch:.2f} pixels at {microns:g} microns per pixel, less than "
            f"one; are --pitch-um and --um-per-px right?"
        )
    across = diameter(pitch, layout.platform)
    grid = lay_grid(width, height, pitch, layout.platform)
    covered = tissue_shares(image, grid.pixel_xy, across / 2) >= LEAST_SHARE
    if not covered.any():
        raise DatasetError(
            f"No tissue was found on {image}: nowhere are {LEAST_SHARE:.0%} of a spot's pixels stained; "
            "give the spots by --spots, or another image."
        )
    pixel_xy, places = grid.pixel_xy[covered], grid.array_row_column[covered]
    names = tuple(f"{column}x{row}" for row, column in places)
    own = within_array(places, layout.platform)
    slide = _slide(name, image, names, pixel_xy, own, layout)
    slide = replace(slide, microns_per_pixel=microns, scale_source=words)
    return Query(slide, tuple(arrays_of(places, layout.platform)), across, laid=True)


def _slide(
    name: str, image: Path, spot_ids: tuple[str, ...], xy: np.ndarray, row_column: np.ndarray, layout: Layout
) -> Slide:
    """A slide without expression."""
    slide = Slide(
        id=name,
        patient=None,
        platform=layout.platform,
        image=image,
        spot_ids=spot_ids,
        pixel_xy=xy,
        array_row_column=row_column,
        counts=sparse.csr_matrix((len(spot_ids), 0), dtype=np.int64),
        genes=(),
    )
    return _scaled(slide, layout)


def _scaled(slide: Slide, layout: Layout) -> Slide:
    """The slide with the scale that is given by hand, else its own, else what its image states."""
    if layout.um_per_px is None and (slide.microns_per_pixel is not None or not layout.needs_scale):
        return slide
    microns, words = _scale(slide.image, layout)
    return replace(slide, microns_per_pixel=microns, scale_source=words)


def _scale(image: Path, layout: Layout) -> tuple[float, str]:
    """Microns per pixel of an image, and what says so; UsageError where nothing does."""
    if layout.um_per_px is not None:
        return layout.um_per_px, "--um-per-px"
    stated = stated_microns(image)
    if stated is None:
        raise UsageError(
            f"{image} does not state its microns per pixel; give them by --um-per-px (0.5 for 20x scans, usually)."
        )
    return stated.microns, stated.words
