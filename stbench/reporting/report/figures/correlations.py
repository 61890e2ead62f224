"""Three correlations of each row on one axis: filled marks are scores, a hollow mark is the null of PCC."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

from stbench.names import figure_text
from stbench.reporting.report.figures.look import (
    CORRELATION_LOOKS,
    NAMES_FONT,
    bare_layout,
    in_lines,
    line_height,
    new_figure,
    room_for,
)
from stbench.reporting.report.sections.correlations import CorrelationsSection, Scored

_AXIS = "correlation"


def interactive(section: CorrelationsSection) -> dict[str, Any]:
    """A plotly figure with a line for each row."""
    import plotly.graph_objects as go

    figure = go.Figure(layout=bare_layout())
    rows: list[str] = []
    for name, values in section.by_name.items():
        colour, symbol, _ = CORRELATION_LOOKS[name]
        rows = [value.label for value in values]
        for suffix, numbers in _series(values):
            mark = f"{symbol}-open" if suffix else symbol
            figure.add_scatter(
                x=numbers,
                y=list(map(in_lines, rows)),
                mode="markers",
                name=name + suffix,
                marker={"color": colour, "symbol": mark, "size": 11, "line": {"width": 1.5}},
                hovertemplate="%{y}: %{x:.3f}<extra>" + name + suffix + "</extra>",
            )
    figure.update_xaxes(title_text=_AXIS, zeroline=True)
    figure.update_yaxes(type="category", autorange="reversed", tickfont=NAMES_FONT)
    figure.update_layout(height=170 + line_height(rows) * len(rows), dragmode=False)
    return figure.to_plotly_json()


def _series(values: list[Scored]) -> list[tuple[str, list[float | None]]]:
    """What is drawn of a score: its null where it has one, then itself, with what is added to its name."""
    nulls = [value.null for value in values]
    scores = ("", [value.score for value in values])
    return [(" null", nulls), scores] if any(null is not None for null in nulls) else [scores]


def printed(section: CorrelationsSection) -> Figure:
    """The same as a matplotlib figure."""
    rows = [value.label for value in next(iter(section.by_name.values()))]
    figure = new_figure(5.5 + room_for(rows), 1.2 + 0.3 * len(rows))
    axis = figure.subplots()
    for name, values in section.by_name.items():
        colour, _, mark = CORRELATION_LOOKS[name]
        for suffix, numbers in _series(values):
            face = "none" if suffix else colour
            known = [(number, place) for place, number in enumerate(numbers) if number is not None]
            axis.scatter(
                *zip(*known, strict=True) if known else ((), ()),
                marker=mark,
                s=36,
                facecolors=face,
                edgecolors=colour,
                label=name + suffix,
            )
    axis.axvline(0, color="grey", linewidth=0.8, zorder=0)
    axis.set_yticks(range(len(rows)), list(map(figure_text, rows)))
    axis.invert_yaxis()
    axis.set_xlabel(_AXIS)
    axis.grid(axis="x", alpha=0.3)
    figure.legend(loc="outside upper center", ncols=3, fontsize=8, frameon=False)
    return figure
