"""What one trial is handed: training slides, validation slides as queries; and what scores its predictions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from stbench.contract import MethodCard
from stbench.errors import CannotFit, MethodError
from stbench.evaluation.materials import FoldMaterials
from stbench.evaluation.trials.handouts import Handout
from stbench.metrics.correlation import mean_pcc
from stbench.metrics.prediction import check_prediction
from stbench.metrics.training import TrainingSummary
from stbench.preprocess.expression import Scaling

# Predictions for the queries of a fit, in their order -> the mean of their scores; it stays with the harness.
JudgeQueries = Callable[[Sequence[np.ndarray]], float]


class FitInputs(NamedTuple):
    """What `Method.fit` is handed, and what it is not.

    judge    scores what is predicted for the queries, None where there are none
    scaling  turns predictions back to the log scale
    """

    train: list[Handout]
    queries: list[Handout]
    judge: JudgeQueries | None
    scaling: Scaling


def fit_inputs(
    fold: FoldMaterials, card: MethodCard, train: Sequence[str], validation: Sequence[str] = ()
) -> FitInputs:
    """The inputs of a fit on the slides named `train`, scored on those named `validation` (both of the outer
    training set). Scaling is fitted on `train` alone. Validation slides that nothing can be scored on are left
    out. CannotFit where the method needs more slides, or no validation slide is left.
    """
    names = fold.trainable(train)
    if len(names) < card.needs.min_train_slides:
        raise CannotFit(f"needs at least {card.needs.min_train_slides} training slides, found {len(names)}")
    scaling = fold.scaling(names, card)
    slides = [fold.training_handout(name, card, scaling) for name in names]
    if not validation:
        return FitInputs(slides, [], None, scaling)
    judged = fold.judgeable(validation)
    if not judged:
        raise CannotFit(f"Nothing can be scored on the validation slides {', '.join(validation)}.")
    queries = [fold.query_handout(name, f"query-{i}", card) for i, name in enumerate(judged)]
    return FitInputs(slides, queries, _judge(fold, judged, scaling, names), scaling)


def _judge(
    fold: FoldMaterials, judged: Sequence[str], scaling: Scaling, train: Sequence[str]
) -> JudgeQueries:
    """Mean PCC on the scored spots of each validation slide, averaged over the slides."""
    truths = [fold.log_expression(name) for name in judged]
    scored = [fold.materials.scored(name) for name in judged]
    constant_below = TrainingSummary.of([fold.log_expression(name) for name in train]).constant_below

    def judge(predictions: Sequence[np.ndarray]) -> float:
        if len(predictions) != len(judged):
            raise MethodError(f"{len(predictions)} predictions were handed over for {len(judged)} queries.")
        return float(np.mean([*map(score, truths, scored, predictions)]))

    def score(truth: np.ndarray, kept: np.ndarray, prediction: np.ndarray) -> float:
        checked = check_prediction(prediction, len(kept), len(constant_below))
        return mean_pcc(truth, scaling.invert(checked)[kept], constant_below)

    return judge
