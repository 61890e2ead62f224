"""Sends back an object that becomes an array where somebody makes it one, and looks around there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from stbench.slide import QuerySlide

from .cheat import Cheat, Find, in_memory


class _Pretence:
    def __init__(self, method: ArrayObject, slide: QuerySlide):
        self.method, self.slide = method, slide

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(Cheat.predict(self.method, self.slide), dtype)


class ArrayObject(Cheat):
    def predict(self, slide: QuerySlide) -> Any:
        return _Pretence(self, slide) if self.cheating else super().predict(slide)

    def look(self, slide: QuerySlide) -> Iterable[Find]:
        return in_memory()
