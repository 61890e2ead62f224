"""Genes ranked by what training spots say about them, and the one recipe that looks at test slides as well.

Conventions: the rankings of training spots look at spots with at least `min_counts` counts (and one in any
case), over the genes that every training slide measures and that at least 10 % of these spots show; equals stand
in the order of their names.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse

from stbench.errors import GenePanelError
from stbench.preprocess.expression import log_cpm
from stbench.preprocess.neighbours import neighbour_positions, spatial_neighbours
from stbench.slide import Slide

if TYPE_CHECKING:
    from anndata import AnnData

MIN_DETECTION = 0.10
# A slide with fewer spots says nothing about how much a gene varies; with fewer varying genes the library that
# fits scanpy's curve ends the process.
_MIN_SPOTS, _MIN_VARYING = 3, 4
_MORAN_NEIGHBOURS = 6
_INTERSECTED_PER_SLIDE = 1000


class TrainingSpots:
    """The spots of a fold's training slides that count, over the genes that can be ranked.

    slides  those with such a spot;  scored  for each, which spots they are
    genes   names, sorted;  counts  (n_spots, n_genes) sparse, slide after slide
    slide_of_spot  (n_spots,) position in `slides`
    GenePanelError where there is no such spot.
    """

    def __init__(self, training: Sequence[Slide], min_counts: int):
        scored = {slide.id: _scored(slide, min_counts) for slide in training}
        self.slides = [slide for slide in training if scored[slide.id].any()]
        self.scored = [scored[slide.id] for slide in self.slides]
        if not self.slides:
            raise GenePanelError(
                f"No spot of the slides {', '.join(scored)} has {min_counts} counts, so no genes can be ranked; "
                "lower --min-counts."
            )
        shared = sorted(set(training[0].genes).intersection(*(slide.genes for slide in training[1:])))
        blocks = [_columns(slide, shared)[kept] for slide, kept in zip(self.slides, self.scored, strict=True)]
        self.slide_of_spot = np.repeat(np.arange(len(blocks)), [int(kept.sum()) for kept in self.scored])
        counts = sparse.csr_matrix(sparse.vstack(blocks))
        counts.sum_duplicates()
        n_detected = np.bincount(counts.indices[counts.data != 0], minlength=len(shared))
        detected = n_detected / len(self.slide_of_spot) >= MIN_DETECTION
        self.genes = np.array(shared, dtype=object)[detected]
        self.counts: sparse.csr_matrix = counts[:, detected]

    def best(self, values: np.ndarray, n_genes: int) -> tuple[str, ...]:
        """The genes with the highest values (n_genes,), best first, ties by name."""
        return tuple(self.genes[np.argsort(-values, kind="stable")[:n_genes]].tolist())


def highly_variable(spots: TrainingSpots, n_genes: int) -> tuple[str, ...]:
    """Genes by scanpy's seurat_v3 rank, each slide a batch; GenePanelError that names slides which cannot be ranked.

    A slide with fewer than three such spots, or on which hardly a gene varies, has no say.
    """
    ranking = [position for position in range(len(spots.slides)) if _can_rank(spots, position)]
    if not ranking:
        return ()
    try:
        ranked = _seurat_ranks(spots, ranking, n_genes)
    except ValueError as error:
        at_fault = [spots.slides[position].id for position in ranking if not _curve_fits(spots, position)]
        raise GenePanelError(
            f"Panel train-hvg cannot be chosen: scanpy's curve of variance over mean does not fit slide "
            f"{', '.join(at_fault)} ({error}); too few spots or counts are the usual reason. Leave it out with "
            "--slides, or try --genes highest or --genes file:PATH."
        ) from error
    chosen = ranked[ranked["highly_variable"]]
    return tuple(chosen.sort_values("highly_variable_rank", kind="stable").index)  # type: ignore[call-overload]


def _can_rank(spots: TrainingSpots, position: int) -> bool:
    counts = spots.counts[spots.slide_of_spot == position].toarray()
    return len(counts) >= _MIN_SPOTS and (counts != counts[:1]).any(axis=0).sum() >= _MIN_VARYING


def _curve_fits(spots: TrainingSpots, position: int) -> bool:
    try:
        _seurat_ranks(spots, [position], 1)
    except ValueError:
        return False
    return True


def _seurat_ranks(spots: TrainingSpots, positions: Sequence[int], n_genes: int) -> pd.DataFrame:
    """scanpy's table over the slides at those positions."""
    import scanpy

    used = np.isin(spots.slide_of_spot, positions)
    annotated = _annotated(spots.counts[used], spots.genes, {"slide": spots.slide_of_spot[used]})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ranked = scanpy.pp.highly_variable_genes(
            annotated,
            flavor="seurat_v3",
            n_top_genes=min(n_genes, len(spots.genes)),
            batch_key="slide",
            inplace=False,
        )
    assert ranked is not None, "inplace=False returns the table"
    return ranked


def highest(spots: TrainingSpots, n_genes: int) -> tuple[str, ...]:
    """Genes by their mean count over all training spots."""
    return spots.best(np.asarray(spots.counts.mean(axis=0)).ravel(), n_genes)


def spatially_variable(spots: TrainingSpots, n_genes: int) -> tuple[str, ...]:
    """Genes by Moran's I of log(1 + counts per million), averaged over the training slides.

    Spots are joined with their six nearest; a slide on which a gene is constant does not count for it.
    """
    values = np.stack([_moran(spots, position) for position in range(len(spots.slides))])
    n_defined = np.maximum((~np.isnan(values)).sum(axis=0), 1)
    return spots.best(np.nan_to_num(values, nan=0.0).sum(axis=0) / n_defined, n_genes)


def intersection(slides: Sequence[Slide]) -> tuple[str, ...]:
    """The literal text of the SpaHGC paper: top 1,000 per slide on log-normalised counts, intersected.

    It knows no threshold of counts: every spot with a count is looked at, as log(1 + counts per million).
    """
    import scanpy

    variable = []
    for slide in slides:
        spots = _annotated(slide.counts[_scored(slide, 1)], slide.genes, {})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            scanpy.pp.normalize_total(spots, target_sum=1e6)
            scanpy.pp.log1p(spots)
            scanpy.pp.highly_variable_genes(spots, n_top_genes=min(_INTERSECTED_PER_SLIDE, spots.n_vars))
        variable.append(set(spots.var_names[spots.var["highly_variable"]]))
    return tuple(sorted(set.intersection(*variable)))


def _moran(spots: TrainingSpots, position: int) -> np.ndarray:
    """(n_genes,) Moran's I on the slide at that position, NaN for a gene that is constant there."""
    import scanpy

    slide, scored = spots.slides[position], spots.scored[position]
    places = neighbour_positions(slide)[scored]  # type: ignore[arg-type]  # a Slide has the same positions
    nearest = spatial_neighbours(places, slide.array_row_column[scored], _MORAN_NEIGHBOURS)
    if nearest.shape[1] == 0:
        return np.full(len(spots.genes), np.nan)
    rows = np.repeat(np.arange(len(nearest)), nearest.shape[1])
    graph = sparse.csr_matrix((np.ones(nearest.size), (rows, nearest.ravel())), shape=(len(nearest),) * 2)
    counts = spots.counts[spots.slide_of_spot == position].toarray()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        values = np.ascontiguousarray(log_cpm(counts, slide.totals[scored]).T)
        return np.asarray(scanpy.metrics.morans_i(graph, values))


def _scored(slide: Slide, min_counts: int) -> np.ndarray:
    return slide.totals >= max(min_counts, 1)


def _columns(slide: Slide, genes: Sequence[str]) -> sparse.csr_matrix:
    """(all spots, genes) counts of those genes, each of which the slide measures."""
    chosen = sparse.csc_matrix(slide.counts)[:, pd.Index(slide.genes).get_indexer(pd.Index(genes))]
    # From columns to rows everything comes out in order; columns taken from rows would have to be sorted, which took
    # half of the time of a panel.
    return sparse.csr_matrix(chosen)


def _annotated(counts: sparse.csr_matrix, genes: Sequence[str] | np.ndarray, labels: dict) -> AnnData:
    import anndata

    n_spots = len(counts.indptr) - 1
    spots = pd.DataFrame(labels, index=pd.Index([str(i) for i in range(n_spots)]))
    return anndata.AnnData(counts.astype(np.float32), obs=spots, var=pd.DataFrame(index=pd.Index(genes)))
