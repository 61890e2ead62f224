"""A slide's spots ranked by probes that were fitted on other slides, each probe fitted once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from stbench.metrics.probe import LogisticProbe, auroc
from stbench.reporting.regions.scored import scored_expression
from stbench.reporting.regions.tumour_slides import TumourSlide


class Probes:
    """The probes of a table's slides; `refused` says which slides have none for expression, and why."""

    def __init__(self, slides: Mapping[str, TumourSlide]):
        self._slides = slides
        self._fitted_on: dict[tuple[tuple[str, ...], tuple[str, ...]], LogisticProbe] = {}
        self.refused = {
            name: "no slide that its fold trains on has labels of both classes"
            for name, slide in slides.items()
            if not slide.trained_on
        }

    @property
    def n_genes(self) -> tuple[int, int] | None:
        """Fewest and most genes that a probe for expression takes."""
        sizes = [len(genes) for _, genes in self._fitted_on]
        return (min(sizes), max(sizes)) if sizes else None

    def of_expression(self, slide: TumourSlide, values: np.ndarray) -> float | None:
        """AUROC of (n scored spots, G) values, measured or predicted, of the genes of `slide.truth`.

        The probe is fitted on what was measured on the slide's training slides, on the genes that both hold.
        """
        if not slide.trained_on:
            return None
        genes = slide.truth.genes
        shared = set(genes).intersection(*(self._slides[other].truth.genes for other in slide.trained_on))
        if not shared:
            self.refused[slide.name] = "its panel shares no gene with what is stored of its training slides"
            return None
        wanted = tuple(gene for gene in genes if gene in shared)
        key = slide.trained_on, wanted
        if key not in self._fitted_on:
            self._fitted_on[key] = self._fit(slide.trained_on, lambda other: _measured(other, wanted))
        return _auroc(slide, self._fitted_on[key], values[:, _places(genes, wanted)])

    def of_values(self, slide: TumourSlide, values: Mapping[str, np.ndarray]) -> float | None:
        """AUROC of what is had of every slide alike (slide -> (n scored spots, d)): embeddings, depth."""
        others = tuple(other for other in slide.trained_on if other in values)
        if not others:
            return None
        return _auroc(slide, self._fit(others, lambda other: values[other.name]), values[slide.name])

    def _fit(self, names: Sequence[str], values_of: Callable[[TumourSlide], np.ndarray]) -> LogisticProbe:
        others = [self._slides[name] for name in names]
        return LogisticProbe([o.labelled(values_of(o)) for o in others], [o.is_tumour for o in others])


def _auroc(slide: TumourSlide, probe: LogisticProbe, values: np.ndarray) -> float | None:
    found = auroc(slide.is_tumour, probe.rank(slide.labelled(values)))
    return None if np.isnan(found) else found


def _measured(slide: TumourSlide, genes: Sequence[str]) -> np.ndarray:
    return scored_expression(slide.truth, slide.record)[:, _places(slide.truth.genes, genes)]


def _places(genes: Sequence[str], wanted: Sequence[str]) -> list[int]:
    places = {gene: place for place, gene in enumerate(genes)}
    return [places[gene] for gene in wanted]
