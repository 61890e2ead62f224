"""One gene on one slide: the stained tissue, what was measured, and what the best rows predicted.

Each map has a colour scale of its own, as on the page, with its ends above it: on a common one a prediction that varies
less than the measurement is one flat colour, and its shape cannot be seen.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stbench.names import figure_text
from stbench.reporting.report.figures.look import new_figure
from stbench.reporting.report.packed import unpacked

N_ROWS_PRINTED = 4
# Letters of a row's name that fit above its picture.
_LONGEST_LABEL = 36
_EDGE = 2.2


def printed(sheet: dict[str, Any], labels: list[str], folded: Sequence[int] = ()) -> Figure:
    """The slide's first gene, a marker where there is one, by the best rows but the `folded`; it must have a gene."""
    gene = sheet["genes"][0]
    panels = [("measured", unpacked(gene["measured"]))]
    for row in [row for row in gene["rows"] if row["row"] not in folded][:N_ROWS_PRINTED]:
        score = "" if row.get("pcc") is None else f"\nPCC {row['pcc']:.2f}"
        label = figure_text(labels[row["row"]], _LONGEST_LABEL)
        panels.append((label + score, unpacked(row["values"])))
    figure = new_figure(_EDGE * (len(panels) + 1) + 0.6, _EDGE + 0.9)
    axes = figure.subplots(1, len(panels) + 1, squeeze=False)[0]
    _picture(axes[0], sheet)
    scored = np.ones(len(sheet["x"]), dtype=bool)
    scored[sheet["unscored"]] = False
    for axis, (title, values) in zip(axes[1:], panels, strict=True):
        low, high = _scale(values[scored])
        _spots(axis, sheet, scored, values, low, high)
        axis.set_title(title, fontsize=8)
        axis.set_xlabel(f"{low:.2f} to {high:.2f}", fontsize=8)
    name, slide = figure_text(gene["gene"]), figure_text(sheet["slide"])
    figure.suptitle(
        f"{name} ({gene['why']}), slide {slide}: log(1 + counts per million), dark to light", fontsize=9
    )
    return figure


def _scale(values: np.ndarray) -> tuple[float, float]:
    """Ends of the colours, without the most extreme values."""
    low, high = np.nanquantile(values, [0.01, 0.99]) if np.isfinite(values).any() else (0.0, 1.0)
    return float(low), float(high if high > low else low + 1.0)


def _picture(axis: Axes, sheet: dict[str, Any]) -> None:
    from PIL import Image

    _frame(axis, sheet)
    axis.set_title("H&E" if sheet["picture"] else "no picture stored", fontsize=8)
    if sheet["picture"]:
        jpeg = base64.b64decode(sheet["picture"].partition(",")[2])
        axis.imshow(np.asarray(Image.open(io.BytesIO(jpeg))), extent=(0, sheet["width"], sheet["height"], 0))


def _spots(
    axis: Axes, sheet: dict[str, Any], scored: np.ndarray, values: np.ndarray, low: float, high: float
) -> None:
    _frame(axis, sheet)
    x, y = np.array(sheet["x"]), np.array(sheet["y"])
    points_per_pixel = 0.85 * _EDGE * 72 / max(sheet["width"], sheet["height"])
    area = float(np.clip((0.9 * sheet["spacing"] * points_per_pixel) ** 2, 0.5, 150.0))
    axis.scatter(x[~scored], y[~scored], s=area, c="lightgrey", linewidths=0, rasterized=True)
    axis.scatter(
        x[scored],
        y[scored],
        s=area,
        c=values[scored],
        vmin=low,
        vmax=high,
        cmap="viridis",
        linewidths=0,
        rasterized=True,
    )


def _frame(axis: Axes, sheet: dict[str, Any]) -> None:
    axis.set(aspect="equal", xticks=[], yticks=[], xlim=(0, sheet["width"]), ylim=(sheet["height"], 0))
