"""Forest plot: a line for each row with score, interval and the tick of its null; the ceiling crosses them all."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

from stbench.names import figure_text
from stbench.reporting.report.figures.look import (
    BLUE,
    GREEN,
    GREY,
    NAMES_FONT,
    ORANGE,
    VERMILION,
    bare_layout,
    in_lines,
    line_height,
    new_figure,
    room_for,
)
from stbench.reporting.report.sections.forest import ForestLine, ForestSection

_FAINT = 0.55


def _colour(line: ForestLine) -> str:
    return ORANGE if line.kind == "floor" else BLUE


def interactive(section: ForestSection) -> dict[str, Any]:
    """A plotly figure with a line for each row."""
    import plotly.graph_objects as go

    lines = section.lines
    labels = [in_lines(line.label) for line in lines]
    figure = go.Figure(layout=bare_layout())
    for name, kinds in (("methods", False), ("floors", True)):
        kept = [place for place, line in enumerate(lines) if (line.kind == "floor") == kinds]
        if kept:
            figure.add_scatter(
                x=[lines[i].score for i in kept],
                y=kept,
                mode="markers",
                name=name,
                marker={
                    "color": ORANGE if kinds else BLUE,
                    "symbol": "square" if kinds else "circle",
                    "size": 11,
                    "opacity": [_FAINT if lines[i].is_faint else 1.0 for i in kept],
                },
                error_x=_bars([lines[i] for i in kept], ORANGE if kinds else BLUE),
                customdata=[labels[i] for i in kept],
                hovertemplate="%{customdata}: PCC %{x:.3f}<extra></extra>",
            )
    nulls = [(line.null, place) for place, line in enumerate(lines) if line.null is not None]
    figure.add_scatter(
        x=[null for null, _ in nulls],
        y=[place for _, place in nulls],
        mode="markers",
        name="null: depth alone",
        marker={"symbol": "line-ns-open", "size": 15, "color": VERMILION, "line": {"width": 2.5}},
        hovertemplate="null %{x:.3f}<extra></extra>",
    )
    if section.ceiling is not None:
        figure.add_scatter(
            x=[section.ceiling] * 2,
            y=[-0.6, len(lines) - 0.4],
            mode="lines",
            name=f"ceiling {section.ceiling:.2f}",
            line={"color": GREEN, "dash": "dash"},
            hoverinfo="skip",
        )
    figure.update_xaxes(title_text="PCC", zeroline=True)
    figure.update_yaxes(
        tickvals=list(range(len(lines))),
        ticktext=labels,
        tickfont=NAMES_FONT,
        range=[len(lines) - 0.4, -0.6],
        zeroline=False,
    )
    height = line_height(line.label for line in lines)
    figure.update_layout(height=130 + height * len(lines), dragmode=False)
    return figure.to_plotly_json()


def _bars(lines: list[ForestLine], colour: str) -> dict[str, Any]:
    """Both halves of each bar; 0 where there is none."""
    return {
        "type": "data",
        "symmetric": False,
        "array": [line.ends[1] - line.score if line.ends else 0 for line in lines],
        "arrayminus": [line.score - line.ends[0] if line.ends else 0 for line in lines],
        "color": colour,
        "thickness": 1.5,
        "width": 4,
    }


def printed(section: ForestSection) -> Figure:
    """The same as a matplotlib figure."""
    lines = section.lines
    figure = new_figure(5.5 + room_for(line.label for line in lines), 1.3 + 0.3 * len(lines))
    axis = figure.subplots()
    if section.ceiling is not None:
        axis.axvline(section.ceiling, color=GREEN, linestyle="--", label=f"ceiling {section.ceiling:.2f}")
    axis.axvline(0, color=GREY, linewidth=0.8, zorder=0)
    for place, line in enumerate(lines):
        alpha = _FAINT if line.is_faint else 1.0
        if line.ends:
            axis.plot(line.ends, (place, place), color=_colour(line), linewidth=1.6, alpha=alpha)
        mark = "s" if line.kind == "floor" else "o"
        axis.scatter(line.score, place, color=_colour(line), marker=mark, s=36, alpha=alpha, zorder=3)
        if line.null is not None:
            axis.scatter(line.null, place, color=VERMILION, marker="|", s=90, linewidths=2, zorder=2)
    for label, colour, mark in (
        ("method", BLUE, "o"),
        ("floor", ORANGE, "s"),
        ("null: depth alone", VERMILION, "|"),
    ):
        axis.scatter([], [], color=colour, marker=mark, label=label)
    axis.set_yticks(range(len(lines)), [figure_text(line.label) for line in lines])
    axis.set_ylim(len(lines) - 0.4, -0.6)
    axis.set_xlabel(f"PCC ({section.ends_are})")
    axis.grid(axis="x", alpha=0.3)
    figure.legend(loc="outside upper center", ncols=4, fontsize=8, frameon=False)
    return figure
