"""Scores of a row gene by gene: averaged over seeds within slide, over slides within patient, then over patients."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stbench.record import SlideScores
from stbench.reporting.report.boards import Entry


@dataclass(frozen=True, eq=False)
class GeneScores:
    """One column for all genes of all folds.

    by_unit   (n units, G) means of the patients, or of the slides where patients are not stated; NaN = undefined
    patients  how many patients, or None where the units are slides
    """

    genes: tuple[str, ...]
    by_unit: np.ndarray
    patients: int | None

    @property
    def mean(self) -> np.ndarray:
        """(G,) mean over the units in which the gene is defined."""
        return _mean(self.by_unit)

    @property
    def n_defined(self) -> np.ndarray:
        """(G,) number of units in which the gene is defined."""
        return np.isfinite(self.by_unit).sum(axis=0)


def gene_scores(entry: Entry, column: str, first: Sequence[str] = ()) -> GeneScores:
    """The mean of one column of `per_gene` for each patient and gene; genes of any fold count.

    They stand in the order of the alphabet, behind those of `first` that there are, in their order.
    """
    scored = entry.slide_scores()
    found = {gene for slide in scored for gene in slide.genes}
    leading = dict.fromkeys(gene for gene in first if gene in found)
    genes = (*leading, *sorted(found - leading.keys()))
    by_slide = _by_slide(scored, column, genes)
    patients = entry.patients
    stated = None not in patients.values()
    units: dict[str, list[np.ndarray]] = {}
    for slide, values in by_slide.items():
        units.setdefault(str(patients[slide]) if stated else slide, []).append(values)
    rows = [_mean(np.stack(values)) for _, values in sorted(units.items())]
    return GeneScores(genes, np.array(rows).reshape(len(rows), len(genes)), len(rows) if stated else None)


def _by_slide(scored: Sequence[SlideScores], column: str, genes: Sequence[str]) -> dict[str, np.ndarray]:
    """Slide -> (G,) values averaged over seeds."""
    place = {gene: index for index, gene in enumerate(genes)}
    seeds: dict[str, list[np.ndarray]] = {}
    for slide in scored:
        values = np.full(len(genes), np.nan)
        if slide.per_gene.get(column):
            values[[place[gene] for gene in slide.genes]] = np.array(slide.per_gene[column], dtype=float)
        seeds.setdefault(slide.slide, []).append(values)
    return {slide: _mean(np.stack(values)) for slide, values in seeds.items()}


def _mean(values: np.ndarray) -> np.ndarray:
    """Mean over the first axis of what is defined; NaN where nothing is."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.nanmean(values, axis=0) if len(values) else np.full(values.shape[1:], np.nan)
