"""Pictures of genes on the tissue: measured above, predicted below, drawn like the image (y downward).

Colours are viridis, which people with any form of colour blindness can read; measured and predicted share one
scale for each gene.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stbench.files import replacing
from stbench.reporting.synthetic_tissue import file_metadata, write_below

# Inches of one gene's picture, and dots per inch: a page of four genes takes about 0.5 MB.
_EDGE = 2.4
_DOTS = 90
# The scale leaves out the most extreme values, which would leave the rest without contrast.
_QUANTILES = (0.01, 0.99)


@dataclass(frozen=True, eq=False)
class GeneMap:
    """One gene on one slide: (n,) measured and predicted values on the same scale."""

    title: str
    measured: np.ndarray
    predicted: np.ndarray


def save_gene_maps(
    path: Path,
    title: str,
    pixel_xy: np.ndarray,
    scored: np.ndarray,
    maps: Sequence[GeneMap],
    synthetic: bool,
) -> None:
    """Write a PNG with a column for each gene; of generated tissue it says so.

    pixel_xy (n, 2) x then y in pixels; scored (n,) True where a spot counts, the others are grey.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_EDGE * len(maps) + 0.6, 2 * _EDGE + 0.6), dpi=_DOTS, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=9)
    axes = figure.subplots(2, len(maps), squeeze=False)
    for column, gene in zip(axes.T, maps, strict=True):
        low, high = _shared_scale(gene, scored)
        for axis, values in zip(column, (gene.measured, gene.predicted), strict=True):
            axis.scatter(*pixel_xy[~scored].T, s=_spot_area(pixel_xy), c="lightgrey", linewidths=0)
            points = axis.scatter(
                *pixel_xy[scored].T,
                s=_spot_area(pixel_xy),
                c=values[scored],
                cmap="viridis",
                vmin=low,
                vmax=high,
                linewidths=0,
            )
            axis.set(aspect="equal", xticks=[], yticks=[])
            axis.invert_yaxis()
        column[0].set_title(gene.title, fontsize=8)
        figure.colorbar(points, ax=list(column), shrink=0.6).ax.tick_params(labelsize=6)
    axes[0, 0].set_ylabel("measured", fontsize=8)
    axes[1, 0].set_ylabel("predicted", fontsize=8)
    if synthetic:
        write_below(figure)
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", metadata=file_metadata(synthetic))


def _shared_scale(gene: GeneMap, scored: np.ndarray) -> tuple[float, float]:
    """Lower and upper end of the colours, the same for both pictures."""
    both = np.concatenate([gene.measured[scored], gene.predicted[scored]])
    low, high = np.quantile(both, _QUANTILES)
    return float(low), float(high if high > low else low + 1.0)


def _spot_area(pixel_xy: np.ndarray) -> float:
    """Area of a spot's disc in square points, so that neighbours on a square array nearly touch."""
    width, height = np.maximum(np.ptp(pixel_xy, axis=0), 1.0)
    spacing = np.sqrt(width * height / len(pixel_xy))
    points_per_pixel = 0.8 * _EDGE * 72 / max(width, height)
    return float(np.clip((0.9 * spacing * points_per_pixel) ** 2, 0.5, 150.0))
