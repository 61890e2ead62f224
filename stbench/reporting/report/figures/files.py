"""Figures as files: PNG to look at, SVG to print; each appears whole or not at all, the same each time."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from stbench.files import replacing
from stbench.names import drawing_names

SUFFIXES = ("png", "svg")
_DOTS = 150


def save_figure(folder: Path, name: str, figure: Figure, suffixes: Sequence[str] = SUFFIXES) -> list[Path]:
    """Write name.png and name.svg below `folder`, or those of them that are asked for."""
    written = []
    for suffix in suffixes:
        path = folder / f"{name}.{suffix}"
        with replacing(path) as temporary:
            temporary.write_bytes(_drawn(figure, suffix))
        figure.set_layout_engine("none")  # everything has its place by now; finding it takes half of the time
        written.append(path)
    return written


def svg_text(figure: Figure) -> str:
    """The figure as SVG markup, with its letters as outlines."""
    return _drawn(figure, "svg").decode("utf-8")


def _drawn(figure: Figure, format: str) -> bytes:
    buffer = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "stbench"}), drawing_names():
        metadata = {"Date": None} if format == "svg" else {}
        figure.savefig(buffer, format=format, dpi=_DOTS, metadata=metadata, facecolor="white")
    return buffer.getvalue()
