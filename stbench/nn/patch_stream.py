"""Patches of many slides as one sequence that is never joined: a batch is gathered when it is asked for.

Joined, the patches of 13,000 spots at 224 px are a second copy of 2 GB, and more while it is being made.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from stbench.nn.spot_patches import patches_of
from stbench.slide import QuerySlide, TrainingSlide


class PatchStream:
    """The patches of all spots of `slides`, slide after slide, read from the slides' own arrays.

    Raises MethodError where a slide comes without patches of `edge` pixels.
    """

    def __init__(
        self, slides: Sequence[TrainingSlide | QuerySlide], edge: int, device: torch.device | str = "cpu"
    ):
        self._patches = [patches_of(slide, edge) for slide in slides]
        self._ends = np.cumsum([len(patches) for patches in self._patches])
        self._device = device

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    def batch(self, spots: Tensor) -> Tensor:
        """(b, edge, edge, 3) uint8 on the device: the patches of `spots` (b,), in their order."""
        rows = spots.cpu().numpy()
        slides = np.searchsorted(self._ends, rows, side="right")
        places = rows - self._ends[slides]  # counted from the slide's end, hence negative
        found = [self._patches[slide][place] for slide, place in zip(slides, places, strict=True)]
        return torch.from_numpy(np.stack(found)).to(self._device)

    def in_order(self, size: int) -> Iterator[Tensor]:
        """All patches, `size` at a time."""
        for start in range(0, len(self), size):
            yield self.batch(torch.arange(start, min(start + size, len(self))))
