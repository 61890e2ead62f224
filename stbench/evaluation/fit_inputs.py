"""What one trial is handed: training slides, and slides to judge it on as queries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from stbench.contract import MethodCard
from stbench.errors import CannotFit
from stbench.evaluation.materials import FoldMaterials
from stbench.evaluation.trials.handouts import Handout
from stbench.preprocess.expression import Scaling


class FitInputs(NamedTuple):
    """What `Method.fit` is handed, and what it is not.

    trained  names of the training slides, those with a spot that counts
    judged   names of the queries, in their order
    scaling  turns predictions back to the target's scale
    """

    train: list[Handout]
    queries: list[Handout]
    trained: tuple[str, ...]
    judged: tuple[str, ...]
    scaling: Scaling


def fit_inputs(
    fold: FoldMaterials, card: MethodCard, train: Sequence[str], validation: Sequence[str] = ()
) -> FitInputs:
    """The inputs of a fit on the slides named `train`, judged on those of `validation` that have a score at all.

    Scaling is fitted on `train` alone. CannotFit where the method needs more slides.
    """
    names = fold.trainable(train)
    if len(names) < card.needs.min_train_slides:
        raise CannotFit(f"needs at least {card.needs.min_train_slides} training slides, found {len(names)}")
    scaling = fold.scaling(names, card)
    slides = [fold.training_handout(name, card, scaling) for name in names]
    judged = fold.judgeable(validation)
    queries = [fold.query_handout(name, f"query-{i}", card) for i, name in enumerate(judged)]
    return FitInputs(slides, queries, names, judged, scaling)
