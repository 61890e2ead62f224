"""What the figures share: the Okabe-Ito colours, marks, and a bare plotly layout that the page colours itself."""

from __future__ import annotations

import textwrap
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
NAMES_FONT = {"size": 11}
# Pixels of a line of a name, and of a letter: fonts that are wider are rare.
_NAME_HEIGHT, _LETTER_WIDTH = 16, 6.3
# A name of more letters is broken before its brackets, so that a telephone has room for the plot beside it; a line of
# more is broken wherever it can be.
_LONGEST_WHOLE, _LONGEST_LINE = 24, 34


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


def name_lines(label: str) -> list[str]:
    """The lines of a name beside a figure, nothing left out: a long one is broken before its brackets."""
    shown = shown_name(label)
    name, bracket, rest = shown.partition(" (")
    parts = [name, f"({rest}"] if bracket and len(shown) > _LONGEST_WHOLE else [shown]
    return [
        line
        for part in parts
        for line in textwrap.wrap(part, _LONGEST_LINE, break_on_hyphens=False) or [part]
    ]


def in_lines(label: str) -> str:
    """The lines of a name as plotly shows them."""
    return "<br>".join(map(as_text, name_lines(label)))


def line_height(labels: Iterable[str]) -> int:
    """Pixels of a row beside which the name of most lines stands."""
    return max([LINE_HEIGHT, *(2 + _NAME_HEIGHT * len(name_lines(label)) for label in labels)])


def names_width(labels: Iterable[str]) -> int:
    """Pixels that the longest line of any name takes."""
    letters = (len(line) for label in labels for line in name_lines(label))
    return round(_LETTER_WIDTH * max(letters, default=0))


def room_for(labels: Iterable[str]) -> float:
    """Inches that the longest label takes beside a figure."""
    return 0.08 * max((len(figure_text(label)) for label in labels), default=0)


def new_figure(width: float, height: float) -> Figure:
    """An empty matplotlib figure in inches that no window manager knows of."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure
