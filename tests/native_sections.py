"""Real HER2+ sections on the target that Hist2ST and HGGEP were released with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from stbench.contract import MethodCard
from stbench.datasets.her2 import plugin as Her2
from stbench.evaluation.design import Design
from stbench.evaluation.folds import Fold
from stbench.evaluation.materials import Materials
from stbench.slide import TrainingSlide

_SPOTWISE = (
    "pixel_xy",
    "array_row_column",
    "expression",
    "panel_counts",
    "totals",
    "size_factors",
)


def native_sections(
    shared_data: Path, card: MethodCard, names: Sequence[str], spots: int
) -> list[TrainingSlide]:
    """The first spots of each section, expression log10(1 + 10^4 c / panel total) of the published 785 genes."""
    panel = shared_data / "panels" / "her_hvg_cut_1000.txt"
    design = Design(dataset="her2", genes=f"file:{panel}", min_counts=0)
    sources = [source for source in Her2().slides(shared_data) if source.id in names]
    fold = Materials(design, sources, {name: name for name in names}).fold(Fold("all", tuple(names), ()))
    return [
        _native(fold.training_slide(name, card, fold.scaling(names, card)), slice(spots)) for name in names
    ]


def _native(slide: TrainingSlide, kept: slice) -> TrainingSlide:
    cut = {name: getattr(slide, name)[kept] for name in _SPOTWISE}
    counts = cut["panel_counts"]
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    cut["expression"] = np.log10(1 + 1e4 * shares).astype(np.float32)
    return replace(slide, **cut, patches={edge: patches[kept] for edge, patches in slide.patches.items()})
