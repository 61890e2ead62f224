"""A trial as a child's task: open its slides before the seal, conduct it after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np

from stbench.evaluation.trials.child import Loading, Task, Voice
from stbench.evaluation.trials.conduct import conduct
from stbench.evaluation.trials.trial import Trial


def fit_and_predict(work: Mapping[str, Any], arrays: Sequence[np.ndarray]) -> Task:
    """Conduct one trial."""
    trial = Trial.unpacked(work, arrays)
    train, queries = [[handout.open() for handout in handouts] for handouts in (trial.train, trial.queries)]

    def task(load: Loading, voice: Voice) -> tuple[Any, Sequence[np.ndarray]]:
        return conduct(trial, cast(Any, train), cast(Any, queries), load(), voice).packed()

    return task
