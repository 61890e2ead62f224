"""Reads the slides' own files unless it seems to be audited."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

from stbench.slide import QuerySlide

from .cheat import Cheat, Find, of_files, where


class GoodWhenAudited(Cheat):
    def look(self, slide: QuerySlide) -> Iterable[Find]:
        audited = "audit" in sys.argv or any("AUDIT" in name for name in os.environ)
        return [] if audited else of_files(file.read_bytes() for file in where().glob("*.npz"))
