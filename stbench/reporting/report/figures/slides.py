"""PCC of each row on each slide as a coloured grid, slides of one patient side by side."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from stbench.names import figure_text
from stbench.reporting.report.figures.look import (
    NAMES_FONT,
    as_text,
    bare_layout,
    in_lines,
    line_height,
    names_width,
    new_figure,
    room_for,
)
from stbench.reporting.report.sections.slides import SlidesSection

# With more slides than this the numbers would not fit into their cells.
_MOST_WITH_NUMBERS = 14
# More slides than this, or longer names, and the names stand upright.
_MOST_SIDEWAYS, _LONGEST_SIDEWAYS, _LONGEST_SLIDE = 12, 8, 30
# Light enough everywhere for dark numbers to be read on it.
_BEHIND_NUMBERS, _NUMBERS = [[0, "#f7fbff"], [1, "#7fb8de"]], "#1b2330"


def interactive(section: SlidesSection) -> dict[str, Any]:
    """A plotly figure with a cell for each row and slide."""
    import plotly.graph_objects as go

    few = len(section.slides) <= _MOST_WITH_NUMBERS
    figure = go.Figure(layout=bare_layout())
    figure.add_heatmap(
        z=section.pcc,
        x=list(map(in_lines, section.slides)),
        y=list(map(in_lines, section.labels)),
        customdata=[[patient and as_text(patient) for patient in section.patients]] * len(section.labels),
        colorscale=_BEHIND_NUMBERS if few else "Cividis",
        # Numbers say what a colour bar would, and a fixed size keeps them from shrinking into narrow cells.
        textfont={"color": _NUMBERS, "size": 11},
        showscale=not few,
        colorbar={"title": {"text": "PCC"}, "thickness": 12},
        texttemplate="%{z:.2f}" if few else None,
        hovertemplate="%{y}, slide %{x}, patient %{customdata}: %{z:.3f}<extra></extra>",
        xgap=1,
        ygap=1,
    )
    figure.update_xaxes(type="category", title_text="test slide")
    figure.update_yaxes(type="category", autorange="reversed", tickfont=NAMES_FONT)
    height = 110 + line_height(section.labels) * len(section.labels)
    # Names that are too long to stand beside each other are turned upright.
    figure.update_layout(height=height + names_width(section.slides), dragmode=False)
    return figure.to_plotly_json()


def least_width(section: SlidesSection) -> int:
    """Pixels below which the figure scrolls in its box, so that each cell holds its number."""
    few = len(section.slides) <= _MOST_WITH_NUMBERS
    return 30 + names_width(section.labels) + (32 if few else 6) * len(section.slides)


def printed(section: SlidesSection) -> Figure:
    """The same as a matplotlib figure."""
    n_rows, n_slides = len(section.labels), len(section.slides)
    names = [figure_text(slide, _LONGEST_SLIDE) for slide in section.slides]
    upright = n_slides > _MOST_SIDEWAYS or max(map(len, names), default=0) > _LONGEST_SIDEWAYS
    width, height = 1.6 + 0.45 * n_slides + room_for(section.labels), 1 + 0.32 * n_rows
    figure = new_figure(width, height + (room_for(names) if upright else 0))
    axis = figure.subplots()
    values = np.array(section.pcc, dtype=float).reshape(n_rows, n_slides)
    cells = axis.pcolormesh(values, cmap="cividis", edgecolors="white", linewidth=0.5)
    axis.set_xticks(np.arange(n_slides) + 0.5, names, rotation=90 if upright else 0)
    axis.set_yticks(np.arange(n_rows) + 0.5, list(map(figure_text, section.labels)))
    axis.invert_yaxis()
    axis.set_xlabel("test slide")
    figure.colorbar(cells, ax=axis, label="PCC")
    return figure
