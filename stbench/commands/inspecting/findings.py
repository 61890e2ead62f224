"""What to wonder about in a slide: where it differs from its card, and spots that lie where none should."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stbench.contract import ExpectedSlide
from stbench.slide import Slide

from .pictures import Picture, spot_pitch

# Distance of neighbouring spots, in microns. Xenium has none: its pseudo-spots are of any size.
PITCH_MICRONS = {"Visium": 100.0, "ST": 200.0}
# Glass is as bright as the brightest of the image, up to so many of 255 grey levels.
_GLASS_LEVELS = 15
_MOST_ON_GLASS = 0.2
_MOST_BEYOND_EDGE = 0.05
_BETTER_IF_SWAPPED = 0.1
_PITCH_TOLERANCE = 0.15


def differences_from_card(slide: Slide, expected: ExpectedSlide | None) -> list[str]:
    """Sentences on what the card states otherwise."""
    if expected is None:
        return []
    found = []
    for what, there, stated in (
        ("spots", slide.n_spots, expected.spots),
        ("genes", len(slide.genes), expected.genes),
    ):
        if stated is not None and stated != there:
            found.append(f"{there} {what}; the card states {stated}")
    if expected.annotated and n_labelled(slide) == 0:
        found.append("no spot has a label; the card states that the slide is annotated")
    return found


def n_labelled(slide: Slide) -> int:
    """Spots that have a label."""
    return 0 if slide.annotation is None else int(np.count_nonzero(np.asarray(slide.annotation) != ""))


def n_scored(slide: Slide, min_counts: int) -> int:
    """Spots that have as many counts."""
    return int(np.count_nonzero(slide.totals >= min_counts))


def doubtful_places(slide: Slide, picture: Picture) -> list[str]:
    """Sentences on spots beside the tissue or beyond the edge, swapped axes, and a pixel size that cannot be."""
    pitch = spot_pitch(slide)
    doubts = [
        _on_glass(slide, picture),
        _beyond_edge(slide, picture, pitch),
        _wrong_pixel_size(slide, pitch),
    ]
    return [doubt for doubt in doubts if doubt]


def _on_glass(slide: Slide, picture: Picture) -> str:
    """Many spots on glass, above all where far fewer would be with x and y exchanged."""
    glass = Glass.of(picture)
    there, swapped = glass.share(slide.pixel_xy), glass.share(slide.pixel_xy[:, ::-1])
    if there > swapped + _BETTER_IF_SWAPPED:
        return (
            f"{there:.0%} of the spots lie on glass, {swapped:.0%} would with x and y exchanged; "
            "are they the wrong way round?"
        )
    return f"{there:.0%} of the spots lie beside the tissue, on glass" if there > _MOST_ON_GLASS else ""


class Glass(NamedTuple):
    """Where the slide is empty: (height, width) bool, and its pixels per pixel of the slide's image."""

    empty: np.ndarray
    scale: float

    @classmethod
    def of(cls, picture: Picture) -> Glass:
        """What is nearly as bright as the brightest, in its darkest colour: stains darken at least one."""
        darkest = picture.pixels.min(axis=2)
        return cls(darkest > np.percentile(darkest, 98) - _GLASS_LEVELS, picture.scale)

    def share(self, pixel_xy: np.ndarray) -> float:
        """Share of those places that lie on glass or outside the image."""
        x, y = np.floor(pixel_xy * self.scale).astype(int).T
        height, width = self.empty.shape
        inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        return float(np.mean(~inside | self.empty[y.clip(0, height - 1), x.clip(0, width - 1)]))


def _beyond_edge(slide: Slide, picture: Picture, pitch: float | None) -> str:
    """Many spots whose disc, of half the pitch across, the image's edge cuts."""
    size = np.array(picture.pixels.shape[1::-1]) / picture.scale
    radius = (pitch or 0) / 4
    cut = ((slide.pixel_xy < radius) | (slide.pixel_xy > size - radius)).any(axis=1)
    return f"the image's edge cuts {cut.mean():.0%} of the spots" if cut.mean() > _MOST_BEYOND_EDGE else ""


def _wrong_pixel_size(slide: Slide, pitch: float | None) -> str:
    """A distance between neighbouring spots that the platform does not have."""
    known = PITCH_MICRONS.get(slide.platform)
    if pitch is None or known is None or slide.microns_per_pixel is None:
        return ""
    microns = pitch * slide.microns_per_pixel
    if abs(microns / known - 1) <= _PITCH_TOLERANCE:
        return ""
    return (
        f"at {slide.microns_per_pixel:.3g} microns per pixel, neighbouring spots are {microns:.0f} um apart; "
        f"on {slide.platform} it is {known:.0f}"
    )
