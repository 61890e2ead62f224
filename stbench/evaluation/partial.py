"""Scores of predictions that lack spots or genes: what is missing is left out, never filled in."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from stbench.evaluation.folds import Fold
from stbench.evaluation.judging import Judge
from stbench.evaluation.scoring import SlideScorer
from stbench.record import SlideScores, SlideTruth


def part_of(truth: SlideTruth, spots: np.ndarray, genes: np.ndarray) -> SlideTruth:
    """The truth of some spots and genes only, by their masks; totals stay those over all genes."""
    return replace(
        truth,
        genes=tuple(np.array(truth.genes, dtype=object)[genes]),
        spot_ids=tuple(np.array(truth.spot_ids, dtype=object)[spots]),
        pixel_xy=truth.pixel_xy[spots],
        array_row_column=truth.array_row_column[spots],
        counts=truth.counts[np.ix_(spots, genes)],
        totals=truth.totals[spots],
        scored=truth.scored[spots],
        annotation=None if truth.annotation is None else np.asarray(truth.annotation)[spots],
    )


def score_part(
    judge: Judge, fold: Fold, name: str, prediction: np.ndarray, spots: np.ndarray, genes: np.ndarray
) -> tuple[SlideTruth, SlideScores]:
    """The truth of what is predicted on a test slide, and the scores of (n_spots, panel) predictions there.

    spots (n_spots,) and genes (panel,) are True where there is a prediction; where all is, it is scored as a run is.
    """
    if spots.all() and genes.all():
        return judge.score(fold, name, prediction)
    whole, covered = judge.materials.fold(fold).truth(name)
    truth = part_of(whole, spots, genes[covered])
    scorer = SlideScorer(truth, judge.unlabelled, judge.tumour_labels, target=judge.materials.design.target)
    both = covered & genes
    return truth, scorer.score(prediction[np.ix_(spots, both)], judge.training(fold).covering(both))
