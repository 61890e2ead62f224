"""Figures as files: PNG to look at, SVG to print; each appears whole or not at all, the same each time."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from stbench.files import replacing
from stbench.names import drawing_names
from stbench.reporting.synthetic_tissue import file_metadata, write_below

SUFFIXES = ("png", "svg")
_DOTS = 150


def save_figure(
    folder: Path, name: str, figure: Figure, synthetic: bool, suffixes: Sequence[str] = SUFFIXES
) -> list[Path]:
    """Write name.png and name.svg below `folder`, or those asked for; of generated tissue they say so."""
    if synthetic:
        write_below(figure)
    written = []
    for suffix in suffixes:
        path = folder / f"{name}.{suffix}"
        with replacing(path) as temporary:
            temporary.write_bytes(_drawn(figure, suffix, synthetic))
        figure.set_layout_engine("none")  # everything has its place by now; finding it takes half of the time
        written.append(path)
    return written


def svg_text(figure: Figure, synthetic: bool) -> str:
    """The figure as SVG markup, with its letters as outlines; of generated tissue it says so."""
    if synthetic:
        write_below(figure)
    return _drawn(figure, "svg", synthetic).decode("utf-8")


def _drawn(figure: Figure, format: str, synthetic: bool) -> bytes:
    buffer = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "stbench"}), drawing_names():
        metadata = ({"Date": None} if format == "svg" else {}) | file_metadata(synthetic)
        figure.savefig(buffer, format=format, dpi=_DOTS, metadata=metadata, facecolor="white")
    return buffer.getvalue()
