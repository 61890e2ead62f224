"""A slide's spots over its thumbnail, as a PNG file: a look says whether they lie on the tissue."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image

from stbench.files import replacing
from stbench.names import drawing_names, figure_text, shown_name
from stbench.preprocess.thumbnails import thumbnail_of
from stbench.reporting.synthetic_tissue import WORDS, file_metadata
from stbench.slide import Slide

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LONGEST_EDGE = 1_024
_DPI = 128  # a power of two, so that figures have whole numbers of pixels
_LINE = 24  # pixels for a line of the legend
_ENTRY = 300  # pixels for an entry in it
_LONGEST_LABEL = 40
_OPACITY = 0.6
NO_LABEL = "no label"


class Picture(NamedTuple):
    """A thumbnail (height, width, 3) uint8, and its pixels per pixel of the slide's image."""

    pixels: np.ndarray
    scale: float


def picture_of(slide: Slide) -> Picture:
    """The slide's thumbnail, decoded; DatasetError where its image cannot be read."""
    thumbnail = thumbnail_of(slide.image, LONGEST_EDGE)
    with Image.open(io.BytesIO(thumbnail.jpeg.tobytes())) as image:
        return Picture(np.asarray(image.convert("RGB")), thumbnail.scale)


def spot_pitch(slide: Slide) -> float | None:
    """Pixels between neighbouring spots, the median over the spots; None for a single spot."""
    from scipy.spatial import KDTree

    if slide.n_spots < 2:
        return None
    distances, _ = KDTree(slide.pixel_xy).query(slide.pixel_xy, k=2)
    return float(np.median(distances[:, 1]))


def draw_spots(slide: Slide, picture: Picture, path: Path, synthetic: bool) -> None:
    """Write the thumbnail, pixel for pixel, with a disc on each spot and a legend below it.

    Discs are coloured by label where the slide has labels, else by the counts of the spot; all are alike where it has
    no expression. Of generated tissue a line above the legend says so. StorageError where the file cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    height, width = picture.pixels.shape[:2]
    labels = _labels(slide)
    lines = 1 + (-(-len(labels) // _columns(width)) if labels else 2)
    above_legend = _LINE if synthetic else 0
    below = lines * _LINE + above_legend
    figure = Figure(figsize=(width / _DPI, (height + below) / _DPI), dpi=_DPI, facecolor="white")
    FigureCanvasAgg(figure)
    figure.figimage(picture.pixels, xo=0, yo=below, origin="upper", zorder=-1)  # below the axes
    axes = figure.add_axes((0, below / (height + below), 1, height / (height + below)), frameon=False)
    axes.set(xlim=(0, width), ylim=(height, 0), xticks=[], yticks=[])
    _draw_discs(figure, axes, slide, picture, labels, lines * _LINE / (height + below))
    _write_title(figure, slide, (below - above_legend - _LINE / 2) / (height + below))
    if synthetic:
        figure.text(0.01, (below - _LINE / 2) / (height + below), WORDS, fontsize=8, va="center")
    with replacing(path) as temporary, drawing_names():
        figure.savefig(temporary, format="png", dpi=_DPI, metadata=file_metadata(synthetic))


def _labels(slide: Slide) -> list[str]:
    """The slide's labels, the most frequent first and what has none last; none where nobody annotated it."""
    if slide.annotation is None or not any(slide.annotation):
        return []
    names, numbers = np.unique(np.asarray(slide.annotation, dtype=str), return_counts=True)
    return sorted(names.tolist(), key=lambda name: (name == "", -numbers[names.tolist().index(name)]))


def _columns(width: int) -> int:
    return max(width // _ENTRY, 1)


def _draw_discs(
    figure: Figure, axes: Axes, slide: Slide, picture: Picture, labels: list[str], top: float
) -> None:
    """Discs of half the pitch across, and below them what their colours mean."""
    import matplotlib

    x, y = (slide.pixel_xy * picture.scale).T
    radius = max((spot_pitch(slide) or 0) * picture.scale / 4, 2.0)
    style = {"s": (2 * radius * 72 / _DPI) ** 2, "alpha": _OPACITY, "linewidths": 0}
    if not slide.genes:
        axes.scatter(x, y, color="tab:blue", **style)
        figure.text(0.02, top * 0.52, "no expression", fontsize=7, va="center")
        return
    if not labels:
        discs = axes.scatter(x, y, c=np.log10(1 + slide.totals), cmap="viridis", **style)
        bar = figure.add_axes((0.02, top * 0.45, 0.3, top * 0.15))
        figure.colorbar(discs, cax=bar, orientation="horizontal").ax.tick_params(labelsize=6)
        figure.text(0.34, top * 0.52, "log10(1 + counts of the spot)", fontsize=7, va="center")
        return
    colours = matplotlib.colormaps["tab20"].colors  # type: ignore[attr-defined]
    annotation = np.asarray(slide.annotation, dtype=str)
    for number, label in enumerate(labels):
        of_label = annotation == label
        colour = colours[number % len(colours)] if label else "white"
        name = f"{figure_text(label or NO_LABEL, _LONGEST_LABEL)} ({int(of_label.sum())})"
        axes.scatter(x[of_label], y[of_label], color=colour, label=name, **style)
    handles, names = axes.get_legend_handles_labels()
    figure.legend(
        handles, names, loc="lower left", ncols=_columns(picture.pixels.shape[1]), fontsize=7, frameon=False,
        markerscale=min(4 / radius, 1.0), borderpad=0.2,
    )  # fmt: skip


def _write_title(figure: Figure, slide: Slide, height: float) -> None:
    patient = f", patient {shown_name(slide.patient, _LONGEST_LABEL)}" if slide.patient else ""
    pixels = f", {slide.microns_per_pixel:.3g} um per pixel" if slide.microns_per_pixel else ""
    name, platform = (shown_name(words, _LONGEST_LABEL) for words in (slide.id, slide.platform))
    title = f"{name}{patient}: {slide.n_spots:,} spots, {len(slide.genes):,} genes, {platform}{pixels}"
    figure.text(0.01, height, title, fontsize=8, va="center", parse_math=False)
