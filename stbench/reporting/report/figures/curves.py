"""Training loss by epoch, a line a fold; and the inner loop's scores, with a mark where each fold's training ended."""

from __future__ import annotations

from typing import Any

from stbench.reporting.report.figures.look import CORRELATION_LOOKS, GREY, as_text, bare_layout
from stbench.reporting.report.sections.curves import CurvesSection, MethodCurves

_HEIGHT, _WITH_LEGEND = 260, 300


def interactive(section: CurvesSection) -> dict[str, Any]:
    """Name of each figure -> plotly figure: "loss-0", "inner-0" for the first method, ..."""
    figures = {}
    for place, method in enumerate(section.methods):
        if method.losses:
            figures[f"loss-{place}"] = _losses(method)
        if method.scores:
            figures[f"inner-{place}"] = _scores(method)
    return figures


def _losses(method: MethodCurves) -> dict[str, Any]:
    import plotly.graph_objects as go

    figure = go.Figure(layout=bare_layout(height=_HEIGHT, showlegend=False, dragmode=False))
    for curve in method.losses:
        figure.add_scatter(
            x=curve.epochs,
            y=curve.values,
            mode="lines" if len(curve.epochs) > 1 else "markers",
            line={"color": GREY, "width": 1.5},
            opacity=0.8,
            name=as_text(curve.name),
            hovertemplate="fold %{fullData.name}, epoch %{x}: %{y:.4g}<extra></extra>",
        )
    figure.update_xaxes(title_text="epoch")
    figure.update_yaxes(title_text="training loss")
    return figure.to_plotly_json()


def _scores(method: MethodCurves) -> dict[str, Any]:
    import plotly.graph_objects as go

    figure = go.Figure(layout=bare_layout(height=_WITH_LEGEND, dragmode=False))
    for curve in method.scores:
        colour, symbol, _ = CORRELATION_LOOKS[curve.name]
        figure.add_scatter(
            x=curve.epochs,
            y=curve.values,
            mode="lines+markers",
            line={"color": colour, "width": 2},
            marker={"color": colour, "symbol": symbol, "size": 5},
            name=curve.name,
            hovertemplate="epoch %{x}: %{y:.3f}<extra>%{fullData.name}</extra>",
        )
    if method.chosen:
        colour, *_ = CORRELATION_LOOKS.get(method.chosen_by, (GREY, "", ""))
        figure.add_scatter(
            x=[one.epoch for one in method.chosen],
            y=[one.value for one in method.chosen],
            mode="markers",
            marker={"color": colour, "symbol": "star-open", "size": 13, "line": {"width": 2}},
            name="chosen, by fold",
            customdata=[as_text(one.fold) for one in method.chosen],
            hovertemplate="fold %{customdata} chose epoch %{x}: %{y:.3f}<extra></extra>",
        )
    figure.update_xaxes(title_text="epoch")
    figure.update_yaxes(title_text="inner score")
    return figure.to_plotly_json()
