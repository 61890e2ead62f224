"""The picture of a paired view: slides as pairs of dots, genes as a scatter."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from stbench.files import replacing
from stbench.names import drawing_names, figure_text
from stbench.reporting.synthetic_tissue import file_metadata, write_below
from stbench.reporting.tables.paired_view import PairedView

# Colours that people with any form of colour blindness can tell apart (Okabe and Ito).
_FIRST, _SECOND = "#0072B2", "#D55E00"
_LONGEST_SLIDE = 30


def save_paired_figure(view: PairedView, path: Path, synthetic: bool) -> None:
    """Write the picture as PNG or SVG, by the file's suffix; of generated tissue it says so."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, max(3.2, 0.28 * len(view.slides) + 1.6)), dpi=130, layout="constrained")
    FigureCanvasAgg(figure)
    dots, scatter = figure.subplots(1, 2)
    first, second = figure_text(view.first.label), figure_text(view.second.label)
    places = np.arange(len(view.slides))
    pairs = np.array(list(view.slides.values()))
    dots.hlines(places, pairs.min(axis=1), pairs.max(axis=1), color="0.75")
    dots.plot(pairs[:, 0], places, "o", color=_FIRST, label=first)
    dots.plot(pairs[:, 1], places, "s", color=_SECOND, label=second)
    slides = [figure_text(slide, _LONGEST_SLIDE) for slide in view.slides]
    dots.set(yticks=places, yticklabels=slides, xlabel="PCC", title="slides")
    dots.invert_yaxis()
    dots.legend(fontsize=8)
    low, high = (view.genes.min(), view.genes.max()) if view.genes.size else (-1, 1)
    scatter.plot([low, high], [low, high], color="0.6", linewidth=1)
    scatter.plot(view.genes[:, 1], view.genes[:, 0], ".", color=_FIRST, alpha=0.35, markersize=4)
    scatter.set(xlabel=f"PCC, {second}", ylabel=f"PCC, {first}", title="genes by slide")
    if synthetic:
        write_below(figure)
    with replacing(path) as temporary, drawing_names():
        figure.savefig(temporary, format=path.suffix.removeprefix("."), metadata=file_metadata(synthetic))
