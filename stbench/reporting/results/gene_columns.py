"""Results gene by gene: what was measured, which column of a prediction is which gene, what folds have in common."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from stbench.errors import StorageError
from stbench.record import Record, SlideTruth


def measured_expression(truth: SlideTruth, target: str = "logcpm") -> np.ndarray:
    """(n_spots, G) expression of the truth's genes on the target's scale.

    Pearson residuals are those among the scored spots; one that is not scored has none and is shown as 0.
    """
    from stbench.metrics.counts import log_expression, pearson_residuals

    if target != "pearson":
        return log_expression(truth.counts, truth.totals)
    residuals = np.zeros(truth.counts.shape)
    residuals[truth.scored] = pearson_residuals(truth.counts[truth.scored], truth.totals[truth.scored])
    return residuals


def gene_columns(record: Record, truth: SlideTruth, prediction: np.ndarray) -> dict[str, np.ndarray]:
    """Each gene's predictions: for the fold's whole panel, or for the part of it that the slide measured."""
    for genes in (truth.genes, record.panel_genes):
        if prediction.shape == (len(truth.spot_ids), len(genes)):
            return dict(zip(genes, prediction.T, strict=True))
    raise StorageError(
        f"The predictions of {record.row.method} on {truth.slide} have shape {prediction.shape}, which fits "
        f"neither the slide's {len(truth.genes)} genes nor the panel's {len(record.panel_genes)}."
    )


def common_genes(records: Iterable[Record]) -> tuple[str, ...]:
    """The genes that the panels of all folds hold, sorted; () without a finished fold.

    Given the Records of a whole table, the genes are the same for all its rows.
    """
    panels = {frozenset(record.panel_genes) for record in records if record.finished and record.panel_genes}
    return tuple(sorted(frozenset.intersection(*panels))) if panels else ()


def mean_over_genes(
    records: Iterable[Record], genes: Sequence[str], score: str = "pcc"
) -> dict[str, float | None]:
    """Slide -> the mean of a score over those genes alone, of one row's Records.

    score  a column of `SlideScores.per_gene`: pcc, pcc_given_depth, pcc_equal_depth
    A gene for which the score is undefined on a slide, or that is not measured there, is left out there, as in the
    mean over the whole panel; None where nothing is left. Several seeds of a slide are averaged.
    """
    wanted = set(genes)
    seeds: dict[str, list[float]] = {}
    for record in records:
        for slide in record.slides if record.finished else ():
            columns = zip(slide.genes, slide.per_gene.get(score, ()), strict=False)
            values = [value for gene, value in columns if gene in wanted and value is not None]
            seeds.setdefault(slide.slide, []).extend([sum(values) / len(values)] if values else [])
    return {slide: sum(means) / len(means) if means else None for slide, means in seeds.items()}
