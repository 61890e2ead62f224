"""Microns per pixel of a slide: as something states it, else as its platform's spots tell; and whether slides agree."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import NamedTuple

from stbench.slide import Slide

from .image_scale import StatedScale

# Space Ranger writes the pixels across a spot of 65 um in theory, more than the 55 um that are printed: with 65,
# neighbouring spots come out at their known distance of 100 um.
SPOT_MICRONS = 65.0
NO_SCALE = "no file states it"
OPTION = "--um-per-px"
# Scales of one scanner differ by less; those of two magnifications by far more.
_SAME = 0.05
_AGREEING = 0.15


class ScaleSigns(NamedTuple):
    """What there is to tell a scale from, in pixels of the image that is used.

    stated         by slides.csv, or by one of the slide's files
    spot_diameter  across a spot, as Space Ranger writes it
    bin_microns    the width of a bin of Visium HD; None for other platforms
    """

    stated: StatedScale | None = None
    spot_diameter: float | None = None
    bin_microns: float | None = None


def signs_of_factors(
    number: Callable[[str], float | None], per_full: float, stated: StatedScale | None = None
) -> ScaleSigns:
    """What Space Ranger's scale factors tell: its own statement, which only Visium HD has, and the size of a spot.

    number    gives a factor by its name, None where there is no such factor
    per_full  pixels of the image that is used per full-resolution pixel
    stated    by something surer
    """
    microns, width, spot = (
        number(name) for name in ("microns_per_pixel", "bin_size_um", "spot_diameter_fullres")
    )
    if stated is None and microns is not None:
        stated = StatedScale(microns / per_full, "microns_per_pixel of the scale factors")
    elif stated is None and width is not None and spot is not None:
        stated = StatedScale(width / spot / per_full, "bin_size_um over spot_diameter_fullres")
    return ScaleSigns(stated, None if spot is None else spot * per_full, width)


def hires_is_used(file: str, per_full: float) -> str:
    """The warning of a slide whose full-resolution image is not there, so that Space Ranger's small one is used."""
    return (
        f"no full-resolution image found: hires of {file} is used, {per_full:.3g} of its size; name the "
        "full-resolution one image.tif (.jpg, .svs, ...) beside it"
    )


def told_scale(signs: ScaleSigns, platform: str, pitch: float | None) -> StatedScale | None:
    """The scale as stated, else from the distance (pixels) of bins of a known width, else from Visium's spots."""
    if signs.stated is not None:
        return signs.stated
    if signs.bin_microns is not None:
        words = f"bins of {signs.bin_microns:g} um over their distance in pixels"
        return None if pitch is None else StatedScale(signs.bin_microns / pitch, words)
    if platform == "Visium" and signs.spot_diameter is not None:
        return StatedScale(
            SPOT_MICRONS / signs.spot_diameter, f"{SPOT_MICRONS:g} um over spot_diameter_fullres"
        )
    return None


def contradiction(scale: StatedScale | None, signs: ScaleSigns, platform: str) -> str:
    """A sentence where the scale that an image states is not the one that Visium's spots tell; "" where it is."""
    by_spots = told_scale(signs._replace(stated=None, bin_microns=None), platform, None)
    if scale is None or by_spots is None or abs(scale.microns / by_spots.microns - 1) <= _AGREEING:
        return ""
    return (
        f"{scale.words} gives {scale.microns:.3g} um per pixel, the size of its spots {by_spots.microns:.3g}; "
        "the former is taken, and slides.csv's column um_per_px overrules both"
    )


def read_with_scale(read: Callable[[], Slide], microns: float) -> Slide:
    """The slide that `read` gives, with a scale given by hand where its files tell none."""
    slide = read()
    if slide.microns_per_pixel is None:
        return dataclasses.replace(slide, microns_per_pixel=microns, scale_source=OPTION)
    if slide.scale_source == OPTION or abs(slide.microns_per_pixel / microns - 1) <= _SAME:
        return slide
    unused = (
        f"{OPTION} {microns:g} is not used: {slide.scale_source or 'its reader'} gives "
        f"{slide.microns_per_pixel:.3g} um per pixel"
    )
    return dataclasses.replace(slide, warnings=(*slide.warnings, unused))


def scales_differ(slides: Iterable[Slide]) -> str:
    """A sentence where slides whose scale is known have not the same one, "" where they have."""
    return differing_scales({slide.id: slide.microns_per_pixel for slide in slides})


def differing_scales(microns: dict[str, float | None]) -> str:
    """A sentence where the microns per pixel that are known differ between slides, by name; "" where they do not."""
    known = {name: value for name, value in sorted(microns.items()) if value is not None}
    if not known or max(known.values()) <= min(known.values()) * (1 + _SAME):
        return ""
    least, most = min(known, key=lambda name: known[name]), max(known, key=lambda name: known[name])
    return (
        f"pixels differ in size between slides, from {known[least]:.3g} um ({least}) to {known[most]:.3g} um ({most}): "
        "patches of as many pixels show different amounts of tissue; --patch-um cuts the same on all"
    )
