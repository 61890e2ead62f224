"""A Record's stored predictions scored again, against one truth or another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, cast, get_args

import numpy as np

from stbench.errors import StorageError
from stbench.evaluation.scoring import SlideScorer
from stbench.evaluation.targets import Target
from stbench.files import hash_value
from stbench.metrics.training import TrainingSummary
from stbench.record import Record, SlideScores, SlideTruth
from stbench.reporting.results.agreement import first_difference


class Judging(Protocol):
    """What predictions of a Record's slides are scored against."""

    def scores(self, record: Record, slide: str, prediction: np.ndarray) -> SlideScores:
        """The scores of (n_spots, n_genes) predictions; StbenchError where there is nothing to score against."""
        ...


@dataclass(frozen=True)
class Checked:
    """How many numbers came out again; `problem` says what did not, "" where all did."""

    n_numbers: int
    problem: str


def check_scores(record: Record, predictions: Mapping[str, np.ndarray], judging: Judging) -> Checked:
    """Score the predictions of every slide of a finished Record again."""
    n_numbers = 0
    for stored in record.slides:
        if stored.slide not in predictions:
            return Checked(n_numbers, f"slide {stored.slide}: no prediction is kept")
        again = judging.scores(record, stored.slide, predictions[stored.slide])
        difference = first_difference(stored, again)
        if difference:
            return Checked(n_numbers, f"slide {stored.slide}: {difference}")
        n_numbers += len(again.scores) + sum(map(len, again.per_gene.values()))
    return Checked(n_numbers, "")


class StoredTruths:
    """Judging by truths and a training summary that lie in a results folder, whoever wrote them.

    A slide's scorer is made once for all Records in a row that have the same genes and the same truth.
    """

    def __init__(self) -> None:
        self._truths: Mapping[str, SlideTruth] = {}
        self._training: TrainingSummary | None = None
        self._scorers: dict[str, SlideScorer] = {}

    def take(self, truths: Mapping[str, SlideTruth], training: Mapping[str, np.ndarray]) -> None:
        """Judge by these from now on."""
        self._truths, self._training = truths, TrainingSummary(**training)

    def scores(self, record: Record, slide: str, prediction: np.ndarray) -> SlideScores:
        truth, training = self._truths[slide], self._training
        assert training is not None, "take() comes first"
        covered = np.isin(record.panel_genes, truth.genes)
        return self._scorer(record, truth).score(prediction[:, covered], training.covering(covered))

    def _scorer(self, record: Record, truth: SlideTruth) -> SlideScorer:
        about = record.panel_genes, record.table.target, record.unlabelled, record.tumour_labels
        name = hash_value([*about, truth.slide, hash(truth.counts.tobytes()), hash(truth.totals.tobytes())])
        if name not in self._scorers:
            self._scorers.clear()
            self._scorers[name] = SlideScorer(
                truth, record.unlabelled, record.tumour_labels, target=_target(record)
            )
        return self._scorers[name]


def _target(record: Record) -> Target:
    target = record.table.target
    if target not in get_args(Target):
        raise StorageError(f"Its target {target} is none of {', '.join(get_args(Target))}.")
    return cast(Target, target)
