"""Stored arrays gene by gene: what was measured, and which column of a prediction is which gene."""

from __future__ import annotations

import numpy as np

from stbench.errors import StorageError
from stbench.record import Record, SlideTruth


def measured_expression(truth: SlideTruth) -> np.ndarray:
    """(n_spots, G) log(1 + counts per million) of the truth's genes."""
    from stbench.metrics.counts import log_expression

    return log_expression(truth.counts, truth.totals)


def gene_columns(record: Record, truth: SlideTruth, prediction: np.ndarray) -> dict[str, np.ndarray]:
    """Each gene's predictions: for the fold's whole panel, or for the part of it that the slide measured."""
    for genes in (truth.genes, record.panel_genes):
        if prediction.shape == (len(truth.spot_ids), len(genes)):
            return dict(zip(genes, prediction.T, strict=True))
    raise StorageError(
        f"The predictions of {record.row.method} on {truth.slide} have shape {prediction.shape}, which fits "
        f"neither the slide's {len(truth.genes)} genes nor the panel's {len(record.panel_genes)}."
    )
