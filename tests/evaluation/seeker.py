"""A method that looks, wherever it can reach, for what its predictions of validation slides were worth.

It looks at what `hand_over` answers, at what it was handed, at sockets, and at every array in its process that has a
row for each spot and a column for each gene of a query and that it was neither handed nor made itself. What it finds
stands in its report; of what it finds it makes its next prediction.
"""

from __future__ import annotations

import contextlib
import gc
import socket
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from stbench.contract import FitContext, FitReport, Method
from stbench.slide import QuerySlide, TrainingSlide

TELLING = ("expression", "panel_counts", "totals", "size_factors", "annotation", "patient", "group", "counts")


class Seeker(Method):
    """A plane over the array with noise that grows with `loudness`; it looks around if it `seeks`."""

    def __init__(self, seeks: bool = True, loudness: float = 1.0, epochs: int = 3) -> None:
        self.seeks, self.loudness, self.epochs = seeks, loudness, epochs

    def fit(
        self,
        train: Sequence[TrainingSlide],
        queries: Sequence[QuerySlide] = (),
        checkpoints: Sequence[int] = (),
        context: FitContext = FitContext(),  # noqa: B008
    ) -> FitReport:
        design = np.concatenate([_design(slide) for slide in train])
        self._plane = np.linalg.lstsq(design, np.concatenate([s.expression for s in train]).astype(float))[0]
        self._stolen: dict[str, np.ndarray] = {}
        found: list[str] = []
        for epoch in range(1, self.epochs + 1):
            self._noise = self.loudness * (0.1 + abs(epoch - 2))
            if context.hand_over is None or epoch not in checkpoints:
                continue
            predictions = [self.predict(query) for query in queries]
            answer = context.hand_over(epoch, predictions)
            if self.seeks:
                found += self._look(answer, train, queries, predictions)
        return FitReport(epochs=self.epochs, notes=tuple(found))

    def predict(self, slide: QuerySlide) -> np.ndarray:
        if slide.id in self._stolen:
            return self._stolen[slide.id]
        plane = _design(slide) @ self._plane
        return plane + self._noise * np.random.default_rng(0).normal(0, 0.2, plane.shape)

    def _look(
        self,
        answer: Any,
        train: Sequence[TrainingSlide],
        queries: Sequence[QuerySlide],
        predictions: Sequence[np.ndarray],
    ) -> list[str]:
        found = [] if answer is None else ["an answer"]
        found += [name for query in queries for name in TELLING if hasattr(query, name)]
        known = [*predictions, *(getattr(s, name) for s in train for name in ("expression", "panel_counts"))]
        for thing in everything():
            if isinstance(thing, socket.socket) and _has_word(thing):
                found.append("a word on a socket")
            for query, prediction in zip(queries, predictions, strict=True):
                if _is_like(thing, prediction) and not any(_same(thing, array) for array in known):
                    found.append("an array")
                    self._stolen[query.id] = np.array(thing, dtype=float)
        return found


def everything() -> Iterator[Any]:
    """All that can be reached from the frames of this thread and from what the collector knows, each once."""
    frame, waiting = sys._getframe(), list(gc.get_objects())
    while frame is not None:
        waiting += frame.f_locals.values()
        frame = frame.f_back
    seen = {id(waiting)}
    seen.add(id(seen))
    while waiting:
        thing = waiting.pop()
        if id(thing) not in seen:
            seen.add(id(thing))
            yield thing
            waiting += gc.get_referents(thing)


def _is_like(thing: Any, prediction: np.ndarray) -> bool:
    return type(thing) is np.ndarray and thing.shape == prediction.shape and thing.dtype.kind in "fiu"


def _same(one: np.ndarray, other: np.ndarray) -> bool:
    return one.shape == other.shape and np.allclose(one, other)


def _has_word(end: socket.socket) -> bool:
    with contextlib.suppress(OSError):
        return bool(end.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
    return False


def _design(slide: TrainingSlide | QuerySlide) -> np.ndarray:
    return np.column_stack([np.ones(slide.n_spots), slide.array_row_column])


plugin = Seeker
