"""Whether a slide's scale and staining are those of the slides that a model was trained on, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from stbench.models.model_file import KeptModel
from stbench.models.scale import scale_factor
from stbench.preprocess.familiarity import SlideSummaries
from stbench.slide import Slide

# A slide's pixels may be so many times larger or smaller than those that the model was trained on.
FAR_IN_SCALE = 1.5
# A slide may be so many times further from the training slides than the furthest of these is from the others; and
# this far, in spreads, where there is a single one.
FAR_IN_REACH, FAR_OF_ONE = 2.0, 1.0


def warnings_on(slide: Slide, model: KeptModel, mean: np.ndarray | None) -> Iterator[str]:
    """Sentences on what is far from training; `mean` is the slide's mean embedding, None where there is none."""
    yield from _on_scale(slide, model)
    if mean is not None:
        yield from _on_staining(slide, model, mean)


def _on_scale(slide: Slide, model: KeptModel) -> Iterator[str]:
    trained = model.card.data.microns_per_pixel
    if trained is None:
        yield (
            f"{slide.id}: the training slides state no single scale, so that patches are cut pixel for pixel "
            "and may show more or less tissue than at training"
        )
        return
    factor = scale_factor(slide, model.card)
    if not 1 / FAR_IN_SCALE <= factor <= FAR_IN_SCALE:
        seen = "enlarged and lack detail" if factor > 1 else "reduced"
        yield (
            f"{slide.id} has {slide.microns_per_pixel:g} microns per pixel, the training slides had {trained:g}: "
            f"its patches are {seen}"
        )


def _on_staining(slide: Slide, model: KeptModel, mean: np.ndarray) -> Iterator[str]:
    distances = SlideSummaries(model.slide_means, model.slide_spreads).distances(mean)
    reach = model.card.data.reach
    limit = FAR_IN_REACH * reach if reach else FAR_OF_ONE  # slides that are all alike have no reach
    nearest = int(np.argmin(distances))
    if distances[nearest] > limit:
        yield f"{slide.id} looks unlike {_how_far(distances[nearest], reach, model.card.data.slides[nearest])}"


def _how_far(distance: float, reach: float | None, nearest: str) -> str:
    """How much further a slide lies from the nearest training slide than these from each other, and what that means."""
    if reach:
        unlike = (
            f"every training slide: it is {distance / reach:.0f} times as far from the most similar one, {nearest}, as "
            "any training slide is from its own most similar one"
        )
        numbers = f"{distance:.2f} against {reach:.2f}"
    else:
        unlike, numbers = (
            f"the training slide {nearest}, by more than that varies within itself",
            f"{distance:.2f}",
        )
    return (
        f"{unlike}. Stain, scanner or tissue may differ, so that the predictions may not hold (distance of mean "
        f"embeddings in spreads of a slide: {numbers})"
    )
