"""What the figures share: the Okabe-Ito colours, marks, and a bare plotly layout that the page colours itself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from stbench.names import LONGEST_NAME, figure_text, shown_name

BLUE, ORANGE, GREEN, VERMILION, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#7F7F7F"
# Correlation in words -> colour, plotly's mark, matplotlib's mark.
CORRELATION_LOOKS = {
    "PCC": (BLUE, "circle", "o"),
    "PCC given depth": (VERMILION, "diamond", "D"),
    "equal-depth PCC": (GREEN, "square", "s"),
}
KIND_LOOKS = {"method": (BLUE, "circle", "o"), "floor": (ORANGE, "square", "s")}
# Pixels of one line of a figure with a line for each row.
LINE_HEIGHT = 30


def bare_layout(**settings: Any) -> dict[str, Any]:
    """A plotly layout without background and title; text and grid take the page's colours when it is drawn."""
    shared = {
        "template": "none",
        "margin": {"l": 10, "r": 10, "t": 10, "b": 10},
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        "xaxis": {"automargin": True, "title": {"standoff": 8}},
        "yaxis": {"automargin": True, "title": {"standoff": 8}},
    }
    return shared | settings


def as_text(label: str, longest: int = LONGEST_NAME) -> str:
    """A label that plotly shows as it is: it reads some tags as markup."""
    return shown_name(label, longest).replace("&", "&amp;").replace("<", "&lt;")


def room_for(labels: Iterable[str]) -> float:
    """Inches that the longest label takes beside a figure."""
    return 0.08 * max((len(figure_text(label)) for label in labels), default=0)


def new_figure(width: float, height: float) -> Figure:
    """An empty matplotlib figure in inches that no window manager knows of."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure
