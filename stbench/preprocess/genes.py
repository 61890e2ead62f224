"""Gene panels: which genes a fold is about.

train-hvg, highest and svg see the fold's training slides only. hvg-intersection sees the test slide too and is
marked leaky; a panel from a file is marked as of unknown origin, because nobody can know how it was made.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from stbench.errors import GenePanelError, UnknownName
from stbench.files import hash_file, hash_value
from stbench.slide import Slide

if TYPE_CHECKING:
    from anndata import AnnData

SPECS = ("train-hvg", "hvg-intersection", "highest", "svg", "file:PATH")
MIN_DETECTION = 0.10
MIN_PANEL = 10
_INTERSECTED_PER_SLIDE = 1000
_ALTERNATIVES = "Try --genes train-hvg (chosen on training slides only) or --genes file:PATH."


@dataclass(frozen=True)
class GenePanel:
    """The genes of one fold, in the order of every expression column.

    leaky   the test slides' labels helped to choose it
    note    what a reader of the result must know about its origin
    """

    genes: tuple[str, ...]
    leaky: bool = False
    note: str = ""

    @property
    def hash(self) -> str:
        return hash_value(list(self.genes))


def check_spec(spec: str) -> None:
    """UnknownName or GenePanelError where `spec` is no panel: cheap, before any slide is read."""
    if spec.startswith("file:"):
        read_gene_file(Path(spec[5:]))
    elif spec not in SPECS:
        raise UnknownName("gene panel", spec, SPECS)


def spec_identity(spec: str, n_genes: int) -> str:
    """What a panel spec stands for: its name and size, or the file's content."""
    if spec.startswith("file:"):
        return f"file:{hash_file(Path(spec[5:]))[:16]}"
    return spec if spec == "hvg-intersection" else f"{spec}-{n_genes}"


def choose_panel(
    spec: str, n_genes: int, training: Sequence[Slide], every: Sequence[Slide], min_counts: int
) -> GenePanel:
    """The panel of one fold; GenePanelError where it is empty, tiny, or names genes that no slide knows.

    `training` are the fold's training slides; `every` adds its test slides (read by hvg-intersection, and to
    tell an unknown gene from a missing one). Only spots with at least `min_counts` counts are looked at.
    """
    if spec.startswith("file:"):
        return _file_panel(Path(spec[5:]), every)
    if spec == "hvg-intersection":
        return _intersection_panel(every, min_counts)
    spots = _training_spots(training, min_counts)
    if spec == "train-hvg":
        genes = _highly_variable(spots, n_genes)
    elif spec == "highest":
        genes = _best(spots, np.asarray(_matrix(spots).mean(axis=0)).ravel(), n_genes)
    else:
        genes = _best(spots, _mean_moran(spots, training, min_counts), n_genes)
    if len(genes) < MIN_PANEL:
        raise GenePanelError(
            f"Panel {spec} on slides {_names(training)} has {len(genes)} genes; a panel needs at least {MIN_PANEL}. "
            "Too few genes are measured on all training slides and detected in 10 % of their spots."
        )
    return GenePanel(genes)


def read_gene_file(path: Path) -> tuple[str, ...]:
    """Genes of a text file (one a line), a .csv (first column) or a .npy; GenePanelError where it is none."""
    try:
        if path.suffix == ".npy":
            names = np.load(path, allow_pickle=False).astype(str).ravel().tolist()
        else:
            lines = path.read_text(encoding="utf-8").splitlines()
            names = [line.split(",")[0] for line in lines] if path.suffix == ".csv" else lines
    except (OSError, ValueError) as error:
        raise GenePanelError(
            f"The gene file {path} cannot be read ({error}); give one gene per line."
        ) from error
    genes = tuple(dict.fromkeys(name.strip() for name in names if name.strip()))
    if not genes:
        raise GenePanelError(f"The gene file {path} names no gene; give one gene per line.")
    return genes


def _file_panel(path: Path, every: Sequence[Slide]) -> GenePanel:
    genes = read_gene_file(path)
    known = [set(slide.genes) for slide in every]
    unknown = [gene for gene in genes if not any(gene in names for names in known)]
    if unknown:
        raise GenePanelError(
            f"The gene file {path} names {len(unknown)} genes that no slide measures: {_listed(unknown)}. "
            "Remove them, or check that the names are of the dataset's kind (symbols or identifiers)."
        )
    missing = [gene for gene in genes if not all(gene in names for names in known)]
    note = "origin outside the fold"
    if missing:
        note += f"; {len(missing)} genes missing from some slides count zero there: {_listed(missing)}"
    return GenePanel(genes, note=note)


def _intersection_panel(slides: Sequence[Slide], min_counts: int) -> GenePanel:
    """The literal text of the SpaHGC paper: top 1,000 per slide on log-normalised counts, intersected."""
    import scanpy

    kept: set[str] | None = None
    for slide in slides:
        spots = _as_anndata(slide, list(slide.genes), min_counts)
        scanpy.pp.normalize_total(spots)
        scanpy.pp.log1p(spots)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            scanpy.pp.highly_variable_genes(spots, n_top_genes=min(_INTERSECTED_PER_SLIDE, spots.n_vars))
        variable = set(spots.var_names[spots.var["highly_variable"]])
        kept = variable if kept is None else kept & variable
    genes = tuple(sorted(kept or ()))
    if len(genes) < MIN_PANEL:
        raise GenePanelError(
            f"Panel hvg-intersection over slides {_names(slides)} has {len(genes)} genes; a panel needs at least "
            f"{MIN_PANEL}. {_ALTERNATIVES}"
        )
    return GenePanel(genes, leaky=True, note="leaky: chosen with the test slides' expression")


def _training_spots(training: Sequence[Slide], min_counts: int) -> AnnData:
    """Scored spots of all training slides over the genes that each of them measures, detected often enough."""
    import anndata

    shared = set(training[0].genes).intersection(*(slide.genes for slide in training[1:]))
    genes = sorted(shared)
    spots = anndata.concat(
        {slide.id: _as_anndata(slide, genes, min_counts) for slide in training},
        label="slide",
        index_unique="-",
    )
    detected = np.asarray((_matrix(spots).toarray() > 0).mean(axis=0)).ravel()
    return spots[:, detected >= MIN_DETECTION].copy()


def _as_anndata(slide: Slide, genes: list[str], min_counts: int) -> AnnData:
    import anndata
    import pandas as pd

    scored = slide.totals >= max(min_counts, 1)
    columns = pd.Index(slide.genes).get_indexer(pd.Index(genes))
    return anndata.AnnData(
        slide.counts[scored][:, columns].astype(np.float32),
        obs=pd.DataFrame(index=pd.Index(np.array(slide.spot_ids)[scored])),
        var=pd.DataFrame(index=pd.Index(genes)),
    )


def _highly_variable(spots: AnnData, n_genes: int) -> tuple[str, ...]:
    """Genes by scanpy's seurat_v3 rank, each slide a batch."""
    import scanpy

    if spots.n_vars == 0:
        return ()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ranked = scanpy.pp.highly_variable_genes(
            spots,
            flavor="seurat_v3",
            n_top_genes=min(n_genes, spots.n_vars),
            batch_key="slide",
            inplace=False,
        )
    assert ranked is not None, "inplace=False returns the table"
    chosen = ranked[ranked["highly_variable"]]
    return tuple(chosen.sort_values("highly_variable_rank", kind="stable").index)  # type: ignore[call-overload]


def _best(spots: AnnData, values: np.ndarray, n_genes: int) -> tuple[str, ...]:
    """The genes with the highest values, ties by name."""
    names = np.asarray(spots.var_names, dtype=str)
    return tuple(names[np.lexsort((names, -values))[:n_genes]].tolist())


def _matrix(spots: AnnData) -> sparse.csr_matrix:
    return sparse.csr_matrix(spots.X)


def _mean_moran(spots: AnnData, training: Sequence[Slide], min_counts: int) -> np.ndarray:
    """Moran's I of log-normalised counts over each spot's six nearest spots, averaged over training slides."""
    import scanpy

    from stbench.preprocess.neighbours import spatial_neighbours

    scanpy.pp.normalize_total(spots)
    scanpy.pp.log1p(spots)
    values = []
    for slide in training:
        scored = slide.totals >= max(min_counts, 1)
        nearest = spatial_neighbours(slide.array_row_column[scored], slide.array_row_column[scored], 6)
        rows = np.repeat(np.arange(len(nearest)), nearest.shape[1])
        graph = sparse.csr_matrix((np.ones(nearest.size), (rows, nearest.ravel())), shape=(len(nearest),) * 2)
        section = spots[(spots.obs["slide"] == slide.id).to_numpy()]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            values.append(scanpy.metrics.morans_i(graph, _matrix(section).T.tocsr()))
    return np.nan_to_num(np.nanmean(values, axis=0))


def _names(slides: Sequence[Slide]) -> str:
    return ", ".join(slide.id for slide in slides)


def _listed(genes: Sequence[str], most: int = 8) -> str:
    return ", ".join(genes[:most]) + (f" and {len(genes) - most} more" if len(genes) > most else "")
