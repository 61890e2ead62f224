"""All that each row costs beside each other: a panel for each price, on a logarithmic axis of its own."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.figure import Figure

from stbench.names import figure_text
from stbench.reporting.report.figures.look import BLUE, ORANGE, new_figure, room_for
from stbench.reporting.report.sections.cost import PRICES, RowPrices


def printed(rows: Sequence[RowPrices]) -> Figure:
    """A mark and its number for each price; one that is 0 or that nobody measured has none."""
    shown = [place for place in range(len(PRICES)) if any(row.values[place] for row in rows)]
    figure = new_figure(
        1.9 * max(len(shown), 1) + 0.9 * room_for(row.label for row in rows), 1 + 0.27 * len(rows)
    )
    axes = figure.subplots(1, max(len(shown), 1), sharey=True, squeeze=False)[0]
    for axis, place in zip(axes, shown, strict=False):
        title, _, _ = PRICES[place]
        known = [(line, row) for line, row in enumerate(rows) if row.values[place]]
        values = [float(row.values[place] or 0) for _, row in known]
        colours = [ORANGE if row.kind == "floor" else BLUE for _, row in known]
        # Marks and no bars: on a logarithmic axis a bar's length would mean nothing.
        axis.scatter(values, [line for line, _ in known], c=colours, s=30, zorder=3)
        axis.set_xscale("log")
        axis.set_xlim(*_limits(values))
        for (line, _), value in zip(known, values, strict=True):
            at = (value, line)
            axis.annotate(_short(value), at, (6, 0), textcoords="offset points", va="center", size=8)
        axis.grid(axis="y", alpha=0.3)
        axis.set_title(title, fontsize=9)
        axis.tick_params(axis="x", labelsize=8)
        axis.minorticks_off()
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_yticks(range(len(rows)), [figure_text(row.label) for row in rows], fontsize=8)
    axes[0].invert_yaxis()
    return figure


def _limits(values: Sequence[float]) -> tuple[float, float]:
    """Two decades or more, with room at the right for the number beside the last mark."""
    decades = max(2.0, math.log10(max(values) / min(values)))
    return min(values) / 10 ** (0.08 * decades), min(values) * 10 ** (1.65 * decades)


def _short(value: float) -> str:
    """Three digits of a number, thousands and millions as such."""
    if value < 0.01:
        return "<0.01"
    for unit, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if value >= unit:
            return f"{value / (1e3 if letter == 'k' else unit):,.3g}{letter}"
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}"
