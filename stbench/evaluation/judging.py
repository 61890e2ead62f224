"""Predictions for test slides -> scores, each slide's scorer made once for all methods of a fold."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from stbench.evaluation.ari_references import reference_ari
from stbench.evaluation.folds import Fold
from stbench.evaluation.materials import Materials
from stbench.evaluation.scoring import SlideScorer
from stbench.metrics.training import TrainingSummary
from stbench.record import SlideScores, SlideTruth


class _Bench(NamedTuple):
    """A test slide's truth, its scorer, and which genes of the panel both cover."""

    truth: SlideTruth
    scorer: SlideScorer
    covered: np.ndarray
    ari_references: dict[str, float | None]


class Judge:
    """Scores predictions over a fold's whole panel; genes that the slide does not measure are left out."""

    def __init__(
        self, materials: Materials, unlabelled: tuple[str, ...] = (), tumour_labels: tuple[str, ...] = ()
    ):
        self.materials = materials
        self.unlabelled = unlabelled
        self.tumour_labels = tumour_labels
        self._benches: dict[tuple[Fold, str], _Bench] = {}

    def score(self, fold: Fold, name: str, prediction: np.ndarray) -> tuple[SlideTruth, SlideScores]:
        """The truth of a test slide and the scores of a prediction (n_spots, panel) on the target's scale."""
        truth, scorer, covered, references = self._bench(fold, name)
        scores = scorer.score(prediction[:, covered], self.training(fold).covering(covered))
        return truth, replace(scores, ari_references=references)

    def training(self, fold: Fold) -> TrainingSummary:
        """What the scores know of a fold's training slides, over the whole panel."""
        materials = self.materials.fold(fold)
        return TrainingSummary.of(
            [materials.expression(name) for name in fold.train],
            [materials.panel_counts(name)[self.materials.scored(name)] for name in fold.train],
            [self.materials.slide(name).totals[self.materials.scored(name)] for name in fold.train],
        )

    def n_left_out(self, fold: Fold, name: str) -> int:
        """How many genes of the panel are not measured on a test slide."""
        return int((~self._bench(fold, name).covered).sum())

    def _bench(self, fold: Fold, name: str) -> _Bench:
        if (fold, name) not in self._benches:
            self._benches = {key: bench for key, bench in self._benches.items() if key[0] == fold}
            truth, covered = self.materials.fold(fold).truth(name)
            target = self.materials.design.target
            scorer = SlideScorer(truth, self.unlabelled, self.tumour_labels, target=target)
            self._benches[fold, name] = _Bench(truth, scorer, covered, self._ari_references(name, truth))
        return self._benches[fold, name]

    def _ari_references(self, name: str, truth: SlideTruth) -> dict[str, float | None]:
        """What clusters of the measured expression, of places, of depth and of the image would reach, if annotated."""
        if truth.annotation is None:
            return {}
        embeddings = self.materials.embeddings_at_hand(name)
        target = self.materials.design.target
        return reference_ari(truth, self.unlabelled, embeddings, target)
