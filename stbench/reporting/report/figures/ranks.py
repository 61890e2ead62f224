"""The critical-difference diagram: rows at their mean ranks, a bar over those that the tests cannot tell apart."""

from __future__ import annotations

import importlib.util

import matplotlib
from matplotlib.figure import Figure

from stbench.errors import MissingPackage
from stbench.names import figure_text
from stbench.reporting.report.figures.look import BLUE, new_figure, room_for
from stbench.reporting.report.sections.ranking import RankingSection


def why_not_drawn() -> str:
    """A sentence where the package that draws the diagram is not installed, "" where it is."""
    if importlib.util.find_spec("scikit_posthocs") is not None:
        return ""
    return str(MissingPackage("scikit-posthocs", "The critical-difference diagram"))


def printed(section: RankingSection) -> Figure:
    """The diagram; the section must have pairwise tests, and the package be there."""
    import pandas as pd
    from scikit_posthocs import critical_difference_diagram

    labels = pd.Index(list(map(figure_text, section.labels)))
    # Names stand at both sides of the ranks.
    figure = new_figure(max(8, 3 + 2 * room_for(section.labels)), 1.4 + 0.14 * len(labels))
    tests = pd.DataFrame(section.pairwise, index=labels, columns=labels)
    ranks = pd.Series([rank.mean for rank in section.ranks], index=labels)
    # One row may be drawn in the colour of another: the name beside it is what tells them apart.
    with matplotlib.rc_context({"font.size": 9}):
        critical_difference_diagram(
            ranks,
            tests,
            ax=figure.subplots(),
            label_fmt_left="{label} ({rank:.2f})",
            label_fmt_right="({rank:.2f}) {label}",
            color_palette=[BLUE] * len(labels),
        )
    return figure
