"""Slides as Hist2ST and HGGEP train on them: all spots at once, with as many augmented copies as fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from stbench.nn.distilled_heads import TrainingTargets, training_targets
from stbench.nn.spot_patches import spot_patches
from stbench.slide import TrainingSlide


class DistilledSlide(NamedTuple):
    """A training slide on the device.

    patches    (n, edge, edge, 3) uint8
    copies     how many augmented copies a step makes of it
    recompute  whether a step computes activations twice rather than keep them
    """

    id: str
    patches: Tensor
    truth: TrainingTargets
    copies: int
    recompute: bool


class NetworkSizes(NamedTuple):
    """What training slides ask of a network: pixels of a patch, genes, and which heads its loss needs."""

    edge: int
    genes: int
    counts: bool
    distillation: bool


def sizes_asked(slides: Sequence[DistilledSlide], zinb_weight: float) -> NetworkSizes:
    """What a network for these slides needs; no count head where the likelihood weighs nothing."""
    counts = zinb_weight > 0 and any(slide.truth.counts is not None for slide in slides)
    distillation = any(slide.copies > 0 for slide in slides)
    return NetworkSizes(slides[0].patches.shape[1], slides[0].truth.expression.shape[1], counts, distillation)


def distilled_slide(
    slide: TrainingSlide,
    edge: int,
    copies: int,
    recomputed_above: int,
    most_spots: int,
    device: torch.device | str = "cpu",
) -> DistilledSlide:
    """`copies` of it, or as many (one at least) as keep spots times passes within `most_spots`.

    Of more spots times passes than `recomputed_above`, activations are computed twice.
    """
    copies = min(copies, max(1, most_spots // slide.n_spots - 1))
    recompute = slide.n_spots * (1 + copies) > recomputed_above
    patches, truth = spot_patches([slide], edge, device), training_targets(slide, device)
    return DistilledSlide(slide.id, patches, truth, copies, recompute)


def distillation_notes(slides: Sequence[DistilledSlide], copies: int, zinb_weight: float) -> list[str]:
    """What a fit could not do as asked, in sentences."""
    notes = []
    uncounted = [slide.id for slide in slides if slide.truth.counts is None]
    if uncounted and zinb_weight:
        notes.append(f"No raw panel counts, hence no count likelihood, on: {', '.join(uncounted)}.")
    if not copies:
        notes.append("No augmented copies, hence no self-distillation.")
    fewer = [slide for slide in slides if slide.copies < copies]
    notes += [
        f"{slide.copies} of {copies} copies of {slide.id}: {len(slide.patches)} spots." for slide in fewer
    ]
    twice = [slide.id for slide in slides if slide.recompute]
    if twice:
        notes.append(f"Activations computed twice to save memory, on: {', '.join(twice)}.")
    return notes
