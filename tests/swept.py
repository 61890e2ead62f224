"""A setting that matters at prediction only, tried on one fit and by a fit for each of its values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from handed_over import fit_with_queries

from stbench.contract import FitContext, Method
from stbench.slide import QuerySlide, TrainingSlide


def assert_swept_as_fitted(
    method: Method, train: Sequence[TrainingSlide], query: QuerySlide, name: str, values: Sequence[Any]
) -> None:
    """At each checkpoint and after fit, copies with the values predict what fits with them do, bit for bit."""
    fits = [method.clone(**{name: value}) for value in values]
    expected = [fit_with_queries(fit, train, [query]).predictions for fit in fits]
    settings, seen = method.settings(), list[int]()

    def sweep(checkpoint: int, predictions: Sequence[np.ndarray]) -> None:
        seen.append(checkpoint)
        for value, fit in zip(values, expected, strict=True):
            copied = method.with_settings(**{name: value})
            np.testing.assert_array_equal(copied.predict(query), fit[checkpoint][0])
        np.testing.assert_array_equal(method.predict(query), predictions[0])

    checkpoints = list(expected[0])
    method.fit(train, [query], checkpoints, FitContext(hand_over=sweep))
    before = np.array(method.predict(query))
    for value, fit in zip(values, fits, strict=True):
        np.testing.assert_array_equal(
            method.with_settings(**{name: value}).predict(query), fit.predict(query)
        )
    np.testing.assert_array_equal(method.predict(query), before)
    assert seen == checkpoints and method.settings() == settings
    distinct = {np.asarray(fit.predict(query)).tobytes() for fit in fits}
    assert len(distinct) == len(values), "values that predict the same show nothing"
