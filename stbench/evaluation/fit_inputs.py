"""What one fit is handed: training slides, validation slides as queries, and the callable that scores them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from stbench.contract import MethodCard, Score
from stbench.errors import CannotFit
from stbench.evaluation.materials import FoldMaterials
from stbench.metrics.correlation import mean_pcc
from stbench.metrics.prediction import check_prediction
from stbench.metrics.training import TrainingSummary
from stbench.preprocess.expression import Scaling
from stbench.slide import QuerySlide, TrainingSlide


class FitInputs(NamedTuple):
    """The arguments of `Method.fit`, and the scaling that turns its predictions back to the log scale."""

    train: list[TrainingSlide]
    validation: list[QuerySlide]
    score: Score | None
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
    slides = [fold.training_slide(name, card, scaling) for name in names]
    if not validation:
        return FitInputs(slides, [], None, scaling)
    judged = {f"validation-{i}": name for i, name in enumerate(fold.judgeable(validation))}
    if not judged:
        raise CannotFit(f"Nothing can be scored on the validation slides {', '.join(validation)}.")
    queries = [fold.query_slide(name, query_id, card) for query_id, name in judged.items()]
    return FitInputs(slides, queries, _validation_score(fold, judged, scaling, names), scaling)


def _validation_score(
    fold: FoldMaterials, judged: dict[str, str], scaling: Scaling, train: Sequence[str]
) -> Score:
    """Mean PCC on the scored spots of a validation slide, told by its query id."""
    truths = {query_id: fold.log_expression(name) for query_id, name in judged.items()}
    scored = {query_id: fold.materials.scored(name) for query_id, name in judged.items()}
    constant_below = TrainingSummary.of([fold.log_expression(name) for name in train]).constant_below

    def score(slide: QuerySlide, prediction: np.ndarray) -> float:
        check_prediction(prediction, slide.n_spots, len(constant_below))
        return mean_pcc(truths[slide.id], scaling.invert(prediction)[scored[slide.id]], constant_below)

    return score
