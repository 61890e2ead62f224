"""Visium HD's own folders: a Space Ranger output for each size of bins, of which a slide has one."""

from __future__ import annotations

import re
from pathlib import Path

from stbench.errors import DatasetError

BINNED = "binned_outputs"
_BINS = re.compile(r"square_(\d+)um")


def bin_of(folder: Path) -> float | None:
    """The width in microns of the bins in a folder such as square_008um, None for another folder."""
    found = _BINS.fullmatch(folder.name)
    return float(found[1]) if found else None


def bins_in(folder: Path) -> dict[float, Path]:
    """Microns -> folder, for all bins of a slide; `folder` holds `binned_outputs`, or is it itself."""
    inner = folder / BINNED if (folder / BINNED).is_dir() else folder
    folders = sorted(inner.iterdir()) if inner.is_dir() else []
    return {width: place for place in folders if place.is_dir() and (width := bin_of(place)) is not None}


def output_folder(folder: Path, bin_um: float | None = None) -> Path:
    """Where Space Ranger's output lies in a slide's folder: in it, in its `outs`, or in the bins that are chosen.

    DatasetError where there are several bins and none is chosen, or not the one that is.
    """
    outs = folder / "outs" if (folder / "outs").is_dir() else folder
    bins = bins_in(outs)
    if not bins:
        return outs
    if bin_um is None and len(bins) == 1:
        return next(iter(bins.values()))
    if bin_um not in bins:
        names = ", ".join(f"{place.name}" for place in bins.values())
        missing = "" if bin_um is None else f", none of {bin_um:g} um"
        first = max(bins, key=lambda width: (width == 8, width))
        raise DatasetError(
            f"{folder} holds the bins {names} of Visium HD{missing}; choose with --bin {first:g}, or give the path "
            "to one."
        )
    return bins[bin_um]
