"""Patches that a provider cut itself, against the same places of the slide's image."""

from __future__ import annotations

import numpy as np
from PIL import Image

from stbench.contract import PublishedPatches
from stbench.pictures.opening import open_image
from stbench.pictures.regions import SlideImage
from stbench.preprocess.patches import crop
from stbench.slide import Slide

# Patches compared, the edge in pixels at which they are, and the correlation above which two show the same place.
_N_COMPARED = 12
_EDGE = 28
_ALIKE = 0.5


def doubtful_patches(slide: Slide, patches: PublishedPatches | None) -> list[str]:
    """A sentence where most published patches show something else than the image around their spots."""
    if patches is None or slide.microns_per_pixel is None:
        return []
    places = dict(zip(slide.spot_ids, slide.pixel_xy, strict=True))
    known = [i for i, spot in enumerate(patches.spot_ids) if spot in places]
    if not known:
        return ["no published patch is of one of the slide's spots"]
    compared = [known[i] for i in np.linspace(0, len(known) - 1, min(_N_COMPARED, len(known))).astype(int)]
    published = patches.read(compared)
    edge = max(1, round(patches.microns / slide.microns_per_pixel))
    with open_image(slide.image) as image:
        own = [_window(image, places[patches.spot_ids[i]], edge) for i in compared]
    n_other = sum(_correlation(one, other) < _ALIKE for one, other in zip(published, own, strict=True))
    if n_other <= len(compared) / 2:
        return []
    return [
        f"{n_other} of {len(compared)} published patches show something else than the image around their spots; are "
        "x and y the wrong way round, or the files of different slides?"
    ]


def _window(image: SlideImage, centre_xy: np.ndarray, edge: int) -> np.ndarray:
    """(edge, edge, 3) window around a spot, read by region, white beyond the image."""
    corner = np.maximum(np.rint(centre_xy).astype(int) - edge, 0)
    pixels = image.region(*corner, *(np.rint(centre_xy).astype(int) + edge))
    return crop(pixels, np.rint(centre_xy) - corner, edge)


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Pearson's correlation of two patches as small grey pictures; 1 where neither shows anything."""
    pictures = [
        np.asarray(Image.fromarray(p).convert("L").resize((_EDGE, _EDGE)), float).ravel()
        for p in (one, other)
    ]
    spreads = [float(picture.std()) for picture in pictures]
    if min(spreads) < 1:
        return float(max(spreads) < 1)
    return float(np.corrcoef(pictures[0], pictures[1])[0, 1])
