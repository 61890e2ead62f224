"""The three views of a spot as batches of pixels, and their shared augmentation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from stbench.errors import MethodError
from stbench.nn.augmentation import happens, mirrored, rotated, uniform
from stbench.nn.spot_patches import as_images, patches_of
from stbench.slide import QuerySlide, TrainingSlide

from .tokens import WHOLE

# Full-resolution pixels that the views show; they arrive with one edge.
FIELDS = (224, 448, 896)
WHITE = 1.0


class SpotViews:
    """The views of all spots of some slides, slide after slide.

    Pixels stay where they are, uint8, until a batch is asked for: three views of 224 px are 452 kB a spot.
    Raises MethodError for views that are missing or of an edge that does not divide into tokens.
    """

    def __init__(self, slides: Sequence[TrainingSlide | QuerySlide], device: torch.device):
        self.device = device
        self.fields = [[patches_of(slide, field) for slide in slides] for field in FIELDS]
        self.places = [(i, row) for i, slide in enumerate(slides) for row in range(slide.n_spots)]
        shapes = {patches.shape[1:] for field in self.fields for patches in field}
        self.edge = next(iter(shapes))[0]
        if shapes != {(self.edge, self.edge, 3)} or self.edge % WHOLE:
            raise MethodError(
                f"The views of a spot come as {sorted(shapes)} pixels; all must be squares of one edge, a multiple "
                f"of {WHOLE}: the card's needs.resized_to."
            )

    def __len__(self) -> int:
        return len(self.places)

    def batch(self, spots: Tensor) -> list[Tensor]:
        """Three views (B, 3, edge, edge) of the spots with these indices, float32 in [0, 1], on the device."""
        places = [self.places[spot] for spot in spots.tolist()]
        stacked = (np.stack([field[slide][row] for slide, row in places]) for field in self.fields)
        return [as_images(torch.from_numpy(pixels).to(self.device)).div_(255) for pixels in stacked]


def augmented(views: list[Tensor], generator: torch.Generator) -> list[Tensor]:
    """Each spot mirrored or not and turned by an angle of its own, all its views alike, white corners.

    Independent horizontal and vertical flips before a turn by 0 to 360 degrees amount to the same: both together
    are half a turn, and a vertical flip is a horizontal one and half a turn.
    """
    n = len(views[0])
    flips, degrees = happens(n, 0.5, generator), uniform(n, 0.0, 360.0, generator)
    return [rotated(mirrored(view, flips), degrees, WHITE) for view in views]
