"""Generated tissue: which Records are of it, and how a figure says so wherever its file goes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from stbench.names import SYNTHETIC
from stbench.record import Record

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WORDS = f"{SYNTHETIC} tissue: it shows nothing about patients"
# Inches that a line of small letters takes, with some room above it.
_LINE = 0.2


def is_synthetic(records: Iterable[Record]) -> bool:
    """Whether the data set's card said so, or the slides' platform, as in Records that kept nothing else of it."""
    return any(record.provenance.get("synthetic") or _platform_says_so(record) for record in records)


def write_below(figure: Figure) -> None:
    """Say so along the lower edge; the figure grows by that line, so that nothing else has to give way."""
    width, height = figure.get_size_inches()
    figure.set_size_inches(width, height + _LINE)
    figure.supxlabel(WORDS, x=0.01, ha="left", fontsize=7)


def file_metadata(synthetic: bool) -> dict[str, str]:
    """What a PNG or SVG file says of itself, besides its picture."""
    return {"Description": WORDS} if synthetic else {}


def _platform_says_so(record: Record) -> bool:
    slides = record.provenance.get("slides") or {}
    return any(SYNTHETIC in str(about.get("platform")) for about in slides.values())
