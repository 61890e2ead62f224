"""Which training slides a window may take exemplars from."""

from __future__ import annotations

from collections.abc import Sequence

from stbench.nn.training_bank import bank_slides, other_slides
from stbench.slide import TrainingSlide


def exemplar_slides(
    target: TrainingSlide, train: Sequence[TrainingSlide], exclude: str = "auto"
) -> list[TrainingSlide]:
    """The training slides whose spots may be exemplars of `target`'s windows.

    exclude "auto": slides of other groups (what the split keeps together: a slide or a patient) or, where all share
    one group, the other slides;  "slide": every other slide. Raises CannotFit where none is left.
    """
    return other_slides(target, train) if exclude == "slide" else bank_slides(target, train)
