"""PCC against a price on a logarithmic axis; a line joins the rows that no cheaper row equals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stbench.names import figure_text
from stbench.reporting.report.figures.look import (
    GREY,
    KIND_LOOKS,
    as_text,
    bare_layout,
    in_lines,
    new_figure,
    room_for,
)
from stbench.reporting.report.sections.cost import Point

if TYPE_CHECKING:
    import plotly.graph_objects as go

TIME, PARAMETERS = "seconds of one fit", "parameters (0 is drawn at 1)"


# A name's height as a share of the figure's.
_NAME_HEIGHT = 0.07


def drawn_price(point: Point, axis: str) -> float:
    """Where a price stands on a logarithmic axis, which has no 0: a method without parameters stands at 1."""
    return max(point.price, 1.0) if axis == PARAMETERS else max(point.price, 1e-4)


def interactive(points: Sequence[Point], axis: str) -> dict[str, Any]:
    """A plotly figure with a mark for each row."""
    import plotly.graph_objects as go

    figure = go.Figure(layout=bare_layout())
    _add_front(figure, points, axis)
    _add_marks(figure, points, axis)
    figure.update_xaxes(
        title_text=axis, type="log", dtick=1, tickformat="~s" if axis == PARAMETERS else "~g", tickangle=0
    )
    figure.update_yaxes(title_text="PCC")
    figure.update_layout(height=380)
    return figure.to_plotly_json()


def _add_front(figure: go.Figure, points: Sequence[Point], axis: str) -> None:
    front = [point for point in points if point.on_front]
    figure.add_scatter(
        x=[drawn_price(point, axis) for point in front],
        y=[point.pcc for point in front],
        mode="lines",
        name="Pareto front",
        line={"color": GREY, "dash": "dot", "shape": "hv"},
        hoverinfo="skip",
    )


def _add_marks(figure: go.Figure, points: Sequence[Point], axis: str) -> None:
    """A mark for each row; those on the front have their names beside them, as far as there is room."""
    named = _named(points)
    for kind, (colour, symbol, _) in KIND_LOOKS.items():
        of_kind = _of_kind(points, kind)
        figure.add_scatter(
            x=[drawn_price(point, axis) for point in of_kind],
            y=[point.pcc for point in of_kind],
            mode="markers+text",
            name=f"{kind}s",
            text=[in_lines(point.label) if point.label in named else "" for point in of_kind],
            customdata=[[as_text(point.label), point.price] for point in of_kind],
            textposition=[_beside(point, points, axis) for point in of_kind],
            cliponaxis=False,
            marker={"color": colour, "symbol": symbol, "size": 11},
            hovertemplate="%{customdata[0]}: PCC %{y:.3f}, %{customdata[1]:,.4~g}<extra></extra>",
        )


def _named(points: Sequence[Point]) -> set[str]:
    """The rows of the front whose names do not cover each other: the best, and those well below the last one named."""
    front = sorted((point for point in points if point.on_front), key=lambda point: -point.pcc)
    scores = [point.pcc for point in points]
    room = _NAME_HEIGHT * (max(scores) - min(scores)) if scores else 0.0
    named, last = set(), float("inf")
    for point in front:
        if point.pcc <= last - room:
            named.add(point.label)
            last = point.pcc
    return named


def _of_kind(points: Sequence[Point], kind: str) -> list[Point]:
    """Floors, or whatever is none: what was predicted elsewhere is drawn as methods are."""
    return [point for point in points if (point.kind == "floor") == (kind == "floor")]


def _beside(point: Point, points: Sequence[Point], axis: str) -> str:
    """Where a label stands, so that it stays inside the figure: towards the middle."""
    prices = [math.log10(drawn_price(other, axis)) for other in points]
    in_right_half = math.log10(drawn_price(point, axis)) > (min(prices) + max(prices)) / 2
    return "top left" if in_right_half else "top right"


def printed(points: Sequence[Point], axis_title: str) -> Figure:
    """The same as a matplotlib figure."""
    figure = new_figure(5.5 + 0.7 * room_for(point.label for point in points), 4)
    axis = figure.subplots()
    front = [point for point in points if point.on_front]
    prices = [drawn_price(point, axis_title) for point in front]
    axis.step(prices, [point.pcc for point in front], where="post", color="grey", linestyle=":", zorder=0)
    for kind, (colour, _, mark) in KIND_LOOKS.items():
        of_kind = _of_kind(points, kind)
        prices = [drawn_price(point, axis_title) for point in of_kind]
        axis.scatter(prices, [point.pcc for point in of_kind], color=colour, marker=mark, label=f"{kind}s")
    axis.set_xscale("log")
    axis.set_xlabel(axis_title)
    axis.set_ylabel("PCC")
    axis.grid(alpha=0.3)
    axis.legend(fontsize=8, frameon=False)
    _name_in_margin(axis, points, axis_title)
    return figure


def _name_in_margin(axis: Axes, points: Sequence[Point], axis_title: str) -> None:
    """Names in a column at the right, each with a line to its mark, so that they cannot cover each other."""
    low, high = axis.get_ylim()
    ordered = sorted(points, key=lambda point: point.pcc)
    heights = spread_out([(point.pcc - low) / (high - low) for point in ordered])
    for point, height in zip(ordered, heights, strict=True):
        axis.annotate(
            figure_text(point.label),
            (drawn_price(point, axis_title), point.pcc),
            xytext=(1.03, height),
            textcoords="axes fraction",
            va="center",
            fontsize=7,
            arrowprops={"arrowstyle": "-", "color": "grey", "linewidth": 0.4, "relpos": (0, 0.5)},
        )


def spread_out(heights: Sequence[float], gap: float = 0.04) -> list[float]:
    """Ascending heights from 0 to 1, moved as little upwards, then downwards, as keeps `gap` between neighbours."""
    gap = min(gap, 1 / max(len(heights), 1))
    placed = list(heights)
    for i in range(1, len(placed)):
        placed[i] = max(placed[i], placed[i - 1] + gap)
    for i in reversed(range(len(placed))):
        ceiling = 1.0 if i == len(placed) - 1 else placed[i + 1] - gap
        placed[i] = min(placed[i], ceiling)
    return placed
