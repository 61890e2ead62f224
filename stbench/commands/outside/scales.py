"""Predictions on the scale that their author states, to the scale that is scored."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from stbench.commands.outside.reading import Given
from stbench.errors import UsageError
from stbench.evaluation.targets import Target
from stbench.preprocess.expression import log_cpm

# log is ln(1 + counts per million), the target logcpm; target is whatever the run's target is.
ScaleOf = Literal["log", "cpm", "counts", "target"]
# No ln(1 + CPM) is larger.
_LARGEST_LOG = float(np.log1p(1e6))
# Share of values beyond it from which on they are not on that scale.
_TOO_MANY = 0.01


def check_scale(scale: str, target: Target) -> None:
    """UsageError for a scale that there is not, or that says nothing of this target."""
    if scale not in get_args(ScaleOf):
        raise UsageError(f"--scale-of {scale} is not one of {', '.join(get_args(ScaleOf))}.")
    if target != "logcpm" and scale != "target":
        raise UsageError(f"Predictions of --target {target} are on that scale alone; give --scale-of target.")


def on_target(given: Given, scale: str) -> np.ndarray:
    """(n_spots, n_genes) predictions on the target's scale; UsageError for numbers that the stated scale cannot hold.

    Counts become counts per million of the file's own totals: its column `total`, else the sum of its genes. Measured
    totals are not used: they would hand the predictions the sequencing depth of the test slide.
    """
    values = given.values
    if scale == "target":
        return values
    if scale == "log":
        if (values > _LARGEST_LOG).mean() > _TOO_MANY:
            raise UsageError(
                f"{given.source} reaches {values.max():,.1f}, and ln(1 + CPM) never exceeds {_LARGEST_LOG:.1f}; say "
                "with --scale-of cpm or counts what it holds."
            )
        return values
    if (values < 0).any():
        raise UsageError(
            f"{given.source} holds {int((values < 0).sum())} negative values, and {scale} have none; say with "
            "--scale-of what it holds."
        )
    return np.log1p(values) if scale == "cpm" else log_cpm(values, _totals(given))


def totals_in_words(given: Given, scale: str) -> str:
    """What counts were divided by, where that is the file's word alone; "" otherwise."""
    if scale != "counts" or given.totals is not None:
        return ""
    return f"predicted counts per million of the sum over the {len(given.genes):,} genes in its file"


def _totals(given: Given) -> np.ndarray:
    totals = given.values.sum(axis=1) if given.totals is None else given.totals
    if given.totals is not None and (totals < given.values.sum(axis=1) * (1 - 1e-6)).any():
        raise UsageError(f"{given.source} has totals below the sum of its genes; `total` is over all genes.")
    return totals
