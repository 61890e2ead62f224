"""Files that go with a Record's run in MLflow: its scores per gene as Parquet and maps of its best genes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from stbench.names import figure_text, file_name
from stbench.record import Record, SlideScores, SlideTruth
from stbench.reporting.mlflow.maps import GeneMap, save_gene_maps
from stbench.reporting.results.gene_columns import gene_columns, measured_expression
from stbench.reporting.synthetic_tissue import is_synthetic

N_MAPPED_GENES = 4
# Letters of a gene's name that its picture has room for.
_LONGEST_GENE = 24


class Payload(NamedTuple):
    """The arrays of a Record by slide: predictions (n_spots, n_genes) and what they are scored against."""

    predictions: Mapping[str, np.ndarray]
    truths: Mapping[str, SlideTruth]


def write_artifacts(
    folder: Path, record: Record, load_payload: Callable[[Record], Payload] | None = None
) -> None:
    """Write genes.parquet and, given arrays, maps/<slide>.png below `folder`; nothing for a failed Record."""
    if not record.finished:
        return
    _write_genes(folder / "genes.parquet", record)
    if load_payload is None:
        return
    payload = load_payload(record)
    for slide in record.slides:
        if slide.slide in payload.predictions and slide.slide in payload.truths:
            truth, prediction = payload.truths[slide.slide], payload.predictions[slide.slide]
            _write_maps(folder / "maps" / f"{file_name(slide.slide)}.png", record, slide, truth, prediction)


def _write_genes(path: Path, record: Record) -> None:
    """One line for each slide and gene, a column for each score."""
    import pyarrow
    import pyarrow.parquet

    names = sorted({name for slide in record.slides for name in slide.per_gene})
    columns: dict[str, list] = {name: [] for name in ("slide", "gene", *names)}
    for slide in record.slides:
        columns["slide"] += [slide.slide] * len(slide.genes)
        columns["gene"] += slide.genes
        for name in names:
            columns[name] += slide.per_gene.get(name, [None] * len(slide.genes))
    types = [
        ("slide", pyarrow.string()),
        ("gene", pyarrow.string()),
        *((n, pyarrow.float64()) for n in names),
    ]
    pyarrow.parquet.write_table(pyarrow.table(columns, schema=pyarrow.schema(types)), path)


def _write_maps(
    path: Path, record: Record, slide: SlideScores, truth: SlideTruth, prediction: np.ndarray
) -> None:
    """Draw the genes of the slide with the highest PCC; nothing where no gene has one."""
    best = _best_genes(slide)
    if not best:
        return
    predicted = gene_columns(record, truth, prediction)
    measured = measured_expression(truth, record.table.target)
    places = {gene: place for place, gene in enumerate(truth.genes)}
    maps = [
        GeneMap(
            f"{figure_text(gene, _LONGEST_GENE)} (PCC {pcc:.2f})", measured[:, places[gene]], predicted[gene]
        )
        for gene, pcc in best.items()
    ]
    names = (record.row.method, record.table.dataset, slide.slide)
    method, dataset, name = (figure_text(text, 2 * _LONGEST_GENE) for text in names)
    title = f"{method}, {dataset} {name}, seed {record.seed}"
    title = f"{title}: log(1 + counts per million)"
    save_gene_maps(path, title, truth.pixel_xy, truth.scored, maps, is_synthetic([record]))


def _best_genes(slide: SlideScores) -> dict[str, float]:
    scores = zip(slide.genes, slide.per_gene.get("pcc", ()), strict=False)
    ranked = sorted((-pcc, gene) for gene, pcc in scores if pcc is not None)
    return {gene: -negative for negative, gene in ranked[:N_MAPPED_GENES]}
