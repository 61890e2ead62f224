"""Looks for slides in the frames that called it, and among all objects."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from stbench.slide import QuerySlide

from .cheat import Cheat, Find, in_memory


class Frames(Cheat):
    def look(self, slide: QuerySlide) -> Iterable[Find]:
        frame, seen = sys._getframe(), []
        while frame is not None:
            seen += frame.f_locals.values()
            frame = frame.f_back
        held = [value for found in seen for value in getattr(found, "__dict__", {}).values()]
        yield from in_memory()
        yield from in_memory([*seen, *held])
