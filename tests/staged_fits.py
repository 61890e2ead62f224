"""The same fit in one go and in stages, each stage gone on with from what the one before left in two files."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from stbench.contract import FitContext, FitReport, Method, TrainingState
from stbench.slide import QuerySlide, TrainingSlide


class Outcome(NamedTuple):
    """A fit's report, what it handed over by checkpoint, and what the fitted method predicts in the end."""

    report: FitReport
    handed: dict[int, list[np.ndarray]]
    final: list[np.ndarray]


class Data(NamedTuple):
    """What a fit gets."""

    train: Sequence[TrainingSlide]
    queries: Sequence[QuerySlide]


class Files(NamedTuple):
    """A state as a harness would keep it: an .npz file and a JSON file, in memory."""

    npz: bytes
    json: str


def written(state: TrainingState) -> Files:
    """The files of a state; what would be pickled, `read` refuses."""
    npz = io.BytesIO()
    np.savez(npz, **state.arrays)
    return Files(npz.getvalue(), json.dumps(state.plain, allow_nan=False))


def read(files: Files) -> TrainingState:
    """The state that was written."""
    with np.load(io.BytesIO(files.npz), allow_pickle=False) as arrays:
        return TrainingState(dict(arrays), json.loads(files.json))


def fit(method: Method, data: Data, context: FitContext) -> Outcome:
    """Fit with a checkpoint after each epoch."""
    handed: dict[int, list[np.ndarray]] = {}

    def take(checkpoint: int, found: Sequence[np.ndarray]) -> None:
        assert checkpoint not in handed
        handed[checkpoint] = [np.array(prediction) for prediction in found]

    checkpoints = range(1, method.settings()["epochs"] + 1)
    report = method.fit(*data, checkpoints, replace(context, hand_over=take))
    return Outcome(report, handed, [method.predict(query) for query in data.queries])


def fit_stage(
    method: Method, data: Data, context: FitContext, before: Files | None = None
) -> tuple[Outcome, Files]:
    """One stage by a fresh object, gone on with from the files `before`; what it keeps."""
    kept: list[TrainingState] = []
    context = replace(context, resume=read(before) if before else None, keep=kept.append)
    outcome = fit(method.clone(), data, context)
    (state,) = kept
    return outcome, written(state)


def fit_in_stages(method: Method, data: Data, context: FitContext, stops: Sequence[int]) -> Iterator[Outcome]:
    """The outcome of each stage, which end after the epochs `stops`."""
    files = None
    for stop in stops:
        outcome, files = fit_stage(method, data, replace(context, until=stop), files)
        yield outcome


def assert_same(staged: Sequence[Outcome], whole: Outcome) -> None:
    """The stages ended where the fit in one go did, and handed the same over on the way, bit for bit."""
    assert staged[-1].report == whole.report
    handed = {at: found for outcome in staged for at, found in outcome.handed.items()}
    assert sum(len(outcome.handed) for outcome in staged) == len(handed), "something was handed over twice"
    assert handed.keys() == whole.handed.keys()
    for at, found in whole.handed.items():
        for one, other in zip(handed[at], found, strict=True):
            np.testing.assert_array_equal(one, other, strict=True)
    for one, other in zip(staged[-1].final, whole.final, strict=True):
        np.testing.assert_array_equal(one, other, strict=True)
