"""A thread of its own, started while it is loaded, looks for slides in memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable

from stbench.slide import QuerySlide

from .cheat import Cheat, Find, in_memory

FOUND: list[Find] = []


def _lurk() -> None:
    while not FOUND:
        FOUND.extend(find for find in in_memory() if len(find[0]) > 64)
        time.sleep(0.01)


threading.Thread(target=_lurk, daemon=True).start()


class EarlyThread(Cheat):
    def look(self, slide: QuerySlide) -> Iterable[Find]:
        return FOUND[::-1]
