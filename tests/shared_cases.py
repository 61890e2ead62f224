"""Small slides whose truth is known, written by the scripts beside the checkout: 36 spots, genes G00 to G39."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

CASES = Path(__file__).resolve().parents[2] / "shared" / "cases"


def _generator() -> dict[str, Any]:
    if not (CASES / "small.py").is_file():
        pytest.skip(f"the small slides' scripts are not at {CASES}")
    return runpy.run_path(str(CASES / "small.py"))


def truth(seed: int) -> dict[str, Any]:
    """What slide number `seed` holds: counts (36, 40), rows, cols, x, y, barcodes, genes, image, z."""
    return _generator()["truth"](seed)


def writer(form: str) -> Callable[..., Any]:
    """The function that writes a small slide in that form: st, space_ranger or h5ad."""
    return _generator()[form]


def make_case(number: str, folder: Path) -> Path:
    """The folder with the slides of a case, as its own script writes them."""
    _generator()
    before = sys.argv, list(sys.path)
    try:
        sys.argv = ["make.py", str(folder)]
        runpy.run_path(str(CASES / number / "make.py"))
    finally:
        sys.argv, sys.path[:] = before
        sys.modules.pop("small", None)
    return folder
