"""Replaces the functions that score it by ones that find everything perfect."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from typing import Any

from stbench.slide import TrainingSlide

from .cheat import Cheat


def _perfect(*_: Any) -> float:
    return 1.0


class PatchedScorer(Cheat):
    def meet(self, train: Sequence[TrainingSlide]) -> None:
        importlib.import_module("stbench.evaluation.scoring")
        for name, module in list(sys.modules.items()):
            if name.startswith(("stbench.metrics", "stbench.evaluation")):
                for function in ("mean_pcc", "mean_defined"):
                    if hasattr(module, function):
                        setattr(module, function, _perfect)
