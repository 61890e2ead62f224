"""A stored prediction as a metric takes it: scored spots and measured genes, with what counts as constant."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from stbench.metrics.correlation import constancy_threshold
from stbench.metrics.counts import with_rest
from stbench.reporting.results.gene_columns import gene_columns, measured_expression

if TYPE_CHECKING:
    from stbench.record import Record, SlideTruth
    from stbench.reporting.report.stored import SlideArrays


class ScoredPrediction(NamedTuple):
    """values (n scored spots, G) and constant_below (G,), genes in the order of the slide's truth."""

    values: np.ndarray
    constant_below: np.ndarray


def scored_prediction(arrays: SlideArrays) -> ScoredPrediction:
    """What a Record predicted for a slide. Constancy is judged by the gene's spread in training, by its spread on the
    slide where an older Record did not keep that."""
    truth, record = arrays.truth, arrays.record
    columns = gene_columns(record, truth, arrays.prediction)
    values = np.stack([columns[gene] for gene in truth.genes], axis=1)[truth.scored].astype(np.float64)
    if "std" in arrays.training:
        spread = np.asarray(arrays.training["std"])[np.isin(record.panel_genes, truth.genes)]
    else:
        spread = scored_expression(truth, record).std(axis=0)
    return ScoredPrediction(values, constancy_threshold(spread))


def scored_expression(truth: SlideTruth, record: Record) -> np.ndarray:
    """(n scored spots, G) what was measured, on the target's scale."""
    return measured_expression(truth, record.table.target)[truth.scored]


def scored_counts(truth: SlideTruth) -> np.ndarray:
    """(n scored spots, G + 1) raw counts of the panel and of the rest."""
    return with_rest(truth.counts[truth.scored], truth.totals[truth.scored])
