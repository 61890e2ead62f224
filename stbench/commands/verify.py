"""Scoring stored predictions again: does a bundle's every number follow from what lies in it?"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stbench.errors import StbenchError, UsageError
from stbench.evaluation.scoring import SlideScorer
from stbench.metrics.training import TrainingSummary
from stbench.record import Record, SlideScores, SlideTruth
from stbench.reporting.results.bundles import opened_bundle
from stbench.reporting.results.store import RunStore

# Scores are stored to six digits per gene; sums may be added in another order on another machine.
_RELATIVE, _ABSOLUTE = 1e-5, 1e-6


@dataclass(frozen=True)
class Verified:
    """One Record: `problem` is None where every number came out again, else what differs or why it cannot be told."""

    record: Record
    n_numbers: int
    problem: str | None


def verify(bundle: Path) -> Iterator[Verified | str]:
    """Recompute every metric of every finished Record of a bundle or results folder.

    Yields a sentence in place of each file that is damaged. UsageError where there is no such file or folder.
    """
    if not bundle.exists():
        raise UsageError(
            f"{bundle} is not there; name a bundle that `stbench bundle` wrote, or a results folder."
        )
    if bundle.is_dir():
        yield from _verify_folder(bundle)
        return
    with opened_bundle(bundle) as folder:
        yield from _verify_folder(folder)


def _verify_folder(out: Path) -> Iterator[Verified | str]:
    store = RunStore(out)
    records, problems = store.records()
    yield from problems
    bench: dict[str, SlideScorer] = {}
    for record in sorted(records, key=lambda r: (r.fold, r.row.method, r.key)):
        if record.finished:
            yield _verified(store, record, bench)


def _verified(store: RunStore, record: Record, bench: dict[str, SlideScorer]) -> Verified:
    try:
        predictions, truths = store.load_predictions(record.key), store.load_truths(record)
        summary = store.load_training(record.key)
    except StbenchError as error:
        return Verified(record, 0, str(error))
    if not predictions or not summary:
        return Verified(record, 0, "its predictions or training summary are not kept here")
    training, n_numbers = TrainingSummary(**summary), 0
    for slide in record.slides:
        if slide.slide not in predictions or slide.slide not in truths:
            return Verified(record, n_numbers, f"slide {slide.slide}: no prediction or no truth is kept")
        truth = truths[slide.slide]
        covered = np.isin(record.panel_genes, truth.genes)
        scorer = _scorer(record, truth, bench)
        again = scorer.score(predictions[slide.slide][:, covered], training.covering(covered))
        difference = _difference(slide, again)
        if difference:
            return Verified(record, n_numbers, f"slide {slide.slide}: {difference}")
        n_numbers += len(again.scores) + sum(map(len, again.per_gene.values()))
    return Verified(record, n_numbers, None)


def _scorer(record: Record, truth: SlideTruth, bench: dict[str, SlideScorer]) -> SlideScorer:
    """A slide's scorer, made once for all methods of a fold."""
    name = f"{record.panel_hash} {record.fold} {truth.slide} {record.unlabelled} {record.tumour_labels}"
    if name not in bench:
        bench.clear()
        bench[name] = SlideScorer(truth, record.unlabelled, record.tumour_labels)
    return bench[name]


def _difference(stored: SlideScores, again: SlideScores) -> str:
    """The first number that came out otherwise, in words; "" where all agree."""
    if stored.genes != again.genes:
        return "the genes are not those of the truth"
    for name, value in again.scores.items():
        if not _agree(stored.scores.get(name), value):
            return f"{name} is stored as {stored.scores.get(name)} and comes out as {value}"
    return _per_gene_difference(stored.per_gene, again)


def _per_gene_difference(stored: Mapping[str, tuple[float | None, ...]], again: SlideScores) -> str:
    for name, column in again.per_gene.items():
        kept = stored.get(name, ())
        if len(kept) != len(column):
            return f"{name} is stored for {len(kept)} of {len(column)} genes"
        for gene, one, other in zip(again.genes, kept, column, strict=True):
            if not _agree(one, other):
                return f"{name} of {gene} is stored as {one} and comes out as {other}"
    return ""


def _agree(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=_RELATIVE, abs_tol=_ABSOLUTE)
