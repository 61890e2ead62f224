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
from collections.abc import Sequence
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
        own: list[np.ndarray] = []
        for epoch in range(1, self.epochs + 1):
            self._distance = 0.1 + abs(epoch - 2)
            if context.hand_over is None or epoch not in checkpoints:
                continue
            predictions = [self.predict(query) for query in queries]
            own += predictions
            answer = context.hand_over(epoch, predictions)
            found += [] if answer is None else ["an answer"]
            if self.seeks and epoch == self.epochs - 1:  # once: it takes a second
                found += self._look(train, queries, own)
        return FitReport(epochs=self.epochs, notes=tuple(found))

    def predict(self, slide: QuerySlide) -> np.ndarray:
        if slide.id in self._stolen:
            return self._stolen[slide.id]
        plane = _design(slide) @ self._plane
        return plane + self.loudness * self._distance * np.random.default_rng(0).normal(0, 0.2, plane.shape)

    def _look(
        self,
        train: Sequence[TrainingSlide],
        queries: Sequence[QuerySlide],
        own: Sequence[np.ndarray],
    ) -> list[str]:
        found = [name for query in queries for name in TELLING if hasattr(query, name)]
        known = [*own, *(getattr(s, name) for s in train for name in ("expression", "panel_counts"))]
        for thing in everything():
            if isinstance(thing, socket.socket) and _has_word(thing):
                found.append("a word on a socket")
            for query, prediction in zip(queries, own[-len(queries) :], strict=True):
                if _is_like(thing, prediction) and not any(_same(thing, array) for array in known):
                    found.append("an array")
                    self._stolen[query.id] = np.array(thing, dtype=float)
        return found


def everything() -> list[Any]:
    """What is held by the frames of this thread, by whatever the collector knows, and by tuples that it does not."""
    held = gc.get_referents(*gc.get_objects())
    frame = sys._getframe()
    while frame is not None:
        held += frame.f_locals.values()
        frame = frame.f_back
    held += gc.get_referents(*(thing for thing in held if type(thing) is tuple))
    looked_for = {np.ndarray, socket.socket}
    return list({id(thing): thing for thing in held if type(thing) in looked_for}.values())


def _is_like(thing: Any, prediction: np.ndarray) -> bool:
    return type(thing) is np.ndarray and thing.shape == prediction.shape and thing.dtype.kind in "fiu"


def _same(one: Any, other: np.ndarray) -> bool:
    return one.shape == other.shape and np.allclose(one, other)


def _has_word(end: socket.socket) -> bool:
    with contextlib.suppress(OSError):
        return bool(end.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
    return False


def _design(slide: TrainingSlide | QuerySlide) -> np.ndarray:
    return np.column_stack([np.ones(slide.n_spots), slide.array_row_column])


plugin = Seeker
