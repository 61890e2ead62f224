"""The training spots that a graph of exemplars may draw on, and whose spots they may be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from stbench.errors import CannotFit, MethodError
from stbench.slide import QuerySlide, TrainingSlide


class TrainingBank(NamedTuple):
    """Training spots that may be retrieved: embeddings (m, d), expression (m, G), the slide of each (m,)."""

    embeddings: np.ndarray
    expression: np.ndarray
    slide: np.ndarray


def bank_slides(target: TrainingSlide, train: Sequence[TrainingSlide]) -> list[TrainingSlide]:
    """The training slides that `target` may retrieve from: of other groups or, if all share one, the others.

    Raises CannotFit where none is left.
    """
    others = other_slides(target, train)
    return [slide for slide in others if slide.group != target.group] or others


def other_slides(target: TrainingSlide, train: Sequence[TrainingSlide]) -> list[TrainingSlide]:
    """The training slides but `target`; CannotFit where none is left."""
    others = [slide for slide in train if slide is not target]
    if not others:
        raise CannotFit(
            f"A slide retrieves from training slides other than itself, but {target.id} is the only one; at least "
            "two are needed."
        )
    return others


def training_bank(slides: Sequence[TrainingSlide]) -> TrainingBank:
    """All spots of `slides`, in order."""
    return TrainingBank(
        np.concatenate([slide_embeddings(slide) for slide in slides]),
        np.concatenate([slide.expression for slide in slides]).astype(np.float32, copy=False),
        np.repeat([slide.id for slide in slides], [slide.n_spots for slide in slides]),
    )


def bank_arrays(bank: TrainingBank) -> dict[str, np.ndarray]:
    """The bank as arrays of numbers, by name: slides are numbered, for nothing but which spots share one matters."""
    _, numbers = np.unique(bank.slide, return_inverse=True)
    return {"bank.embeddings": bank.embeddings, "bank.expression": bank.expression, "bank.slide": numbers}


def bank_of_arrays(arrays: Mapping[str, np.ndarray]) -> TrainingBank:
    """The bank of which `bank_arrays` made these."""
    return TrainingBank(*(arrays[f"bank.{name}"] for name in TrainingBank._fields))


def slide_embeddings(slide: TrainingSlide | QuerySlide) -> np.ndarray:
    """(n, d) embeddings of a slide; MethodError where it comes without."""
    if slide.embeddings is None:
        raise MethodError(f"Slide {slide.id} has no embeddings; the card's needs.embeddings must be true.")
    return slide.embeddings
