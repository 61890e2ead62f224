"""The scale at which a model looks at a slide: that of its training slides, whatever the slide's own."""

from __future__ import annotations

from stbench.models.model_card import ModelCard
from stbench.slide import Slide

# Scales closer than this share are one: patches are cut pixel for pixel, as at training.
ONE_SCALE = 0.05


def scale_factor(slide: Slide, card: ModelCard) -> float:
    """Pixels of a training slide to one of this slide; 1 where either states no scale, or both have one."""
    return factor_between(slide.microns_per_pixel, card.data.microns_per_pixel)


def factor_between(own: float | None, trained: float | None) -> float:
    """Pixels of a slide of `trained` microns a pixel to one of `own`; 1 where either is not known, or both are one."""
    if own is None or trained is None:
        return 1.0
    factor = own / trained
    return 1.0 if 1 / (1 + ONE_SCALE) <= factor <= 1 + ONE_SCALE else factor
