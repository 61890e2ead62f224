"""PCC against a price on a logarithmic axis; a line joins the rows that no cheaper row equals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure

from stbench.reporting.report.figures.look import GREY, KIND_LOOKS, as_text, bare_layout, new_figure
from stbench.reporting.report.sections.cost import Point

if TYPE_CHECKING:
    import plotly.graph_objects as go

TIME, PARAMETERS = "seconds of one fit", "parameters (0 is drawn at 1)"


def drawn_price(point: Point, axis: str) -> float:
    """Where a price stands on a logarithmic axis, which has no 0: a method without parameters stands at 1."""
    return max(point.price, 1.0) if axis == PARAMETERS else max(point.price, 1e-4)


def interactive(points: Sequence[Point], axis: str) -> dict[str, Any]:
    """A plotly figure with a mark for each row."""
    import plotly.graph_objects as go

    figure = go.Figure(layout=bare_layout())
    _add_front(figure, points, axis)
    _add_marks(figure, points, axis)
    figure.update_xaxes(title_text=axis, type="log", dtick=1, tickformat="~g")
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
    """A mark for each row; those on the front have their names beside them."""
    for kind, (colour, symbol, _) in KIND_LOOKS.items():
        of_kind = [point for point in points if point.kind == kind]
        figure.add_scatter(
            x=[drawn_price(point, axis) for point in of_kind],
            y=[point.pcc for point in of_kind],
            mode="markers+text",
            name=f"{kind}s",
            text=[as_text(point.label) if point.on_front else "" for point in of_kind],
            customdata=[[as_text(point.label), point.price] for point in of_kind],
            textposition=[_beside(point, points, axis) for point in of_kind],
            cliponaxis=False,
            marker={"color": colour, "symbol": symbol, "size": 11},
            hovertemplate="%{customdata[0]}: PCC %{y:.3f}, %{customdata[1]:,.4~g}<extra></extra>",
        )


def _beside(point: Point, points: Sequence[Point], axis: str) -> str:
    """Where a label stands, so that it stays inside the figure: towards the middle."""
    prices = [math.log10(drawn_price(other, axis)) for other in points]
    in_right_half = math.log10(drawn_price(point, axis)) > (min(prices) + max(prices)) / 2
    return "top left" if in_right_half else "top right"


def printed(points: Sequence[Point], axis_title: str) -> Figure:
    """The same as a matplotlib figure."""
    figure = new_figure(6, 4)
    axis = figure.subplots()
    front = [point for point in points if point.on_front]
    prices = [drawn_price(point, axis_title) for point in front]
    axis.step(prices, [point.pcc for point in front], where="post", color="grey", linestyle=":", zorder=0)
    for kind, (colour, _, mark) in KIND_LOOKS.items():
        of_kind = [point for point in points if point.kind == kind]
        prices = [drawn_price(point, axis_title) for point in of_kind]
        axis.scatter(prices, [point.pcc for point in of_kind], color=colour, marker=mark, label=f"{kind}s")
    for point in points:
        axis.annotate(
            point.label,
            (drawn_price(point, axis_title), point.pcc),
            textcoords="offset points",
            xytext=(4, 4),
            fontsize=7,
        )
    axis.set_xscale("log")
    axis.set_xlabel(axis_title)
    axis.set_ylabel("PCC")
    axis.grid(alpha=0.3)
    axis.legend(fontsize=8, frameon=False)
    return figure
