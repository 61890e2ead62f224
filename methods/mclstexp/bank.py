"""The training spots as a reference bank: a slide at a time, in sequences that no query can change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from stbench.nn.reference_bank import ReferenceBank
from stbench.nn.training import evaluating
from stbench.slide import TrainingSlide

from .network import Network
from .positions import table_indices


class TrainingSpots(NamedTuple):
    """Spots of all training slides, slide after slide.

    expression (m, G) float32, columns_rows (m, 2) int64 indices into the position tables
    """

    expression: np.ndarray
    columns_rows: np.ndarray
    spots_per_slide: list[int]

    def on(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """Expression and positions as tensors there."""
        return torch.tensor(self.expression, device=device), torch.tensor(self.columns_rows, device=device)


def training_spots(slides: Sequence[TrainingSlide], positions: str, n_pos: int) -> TrainingSpots:
    """Those of `slides`; MethodError where a spot lies outside position tables of `n_pos` entries."""
    return TrainingSpots(
        np.concatenate([slide.expression for slide in slides]).astype(np.float32),
        np.concatenate([table_indices(slide, positions, n_pos) for slide in slides]),
        [slide.n_spots for slide in slides],
    )


def embedded_bank(network: Network, spots: TrainingSpots, length: int) -> ReferenceBank:
    """Embeddings by the network as it is; each slide's spots in their order, `length` to a sequence.

    Spots of a sequence attend to each other, hence no sequence crosses from one slide to the next.
    """
    slides = zip(
        *(values.split(spots.spots_per_slide) for values in spots.on(next(network.parameters()).device)),
        strict=True,
    )
    with evaluating(network):
        embeddings = [
            network.embedded_spots(*sequence)
            for slide in slides
            for sequence in zip(*(values.split(length) for values in slide), strict=True)
        ]
    return ReferenceBank(torch.cat(embeddings).cpu().numpy(), spots.expression)
