"""Its note and its setting run code where somebody unpickles them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from stbench.contract import FitReport

from .cheat import Cheat


def _take_over() -> str:
    import stbench.evaluation.judging as judging

    judging.Judge.score = lambda *_: None  # type: ignore[assignment]
    return "a note"


class _Note(str):
    def __reduce__(self) -> Any:
        return _take_over, ()


class _Truth(int):
    def __reduce__(self) -> Any:
        return _take_over, ()


class ReducedNote(Cheat):
    def fit(self, *arguments: Any, **more: Any) -> FitReport:
        report = super().fit(*arguments, **more)
        return replace(report, notes=(_Note("a note"),)) if self.cheating else report

    def settings(self) -> dict[str, Any]:
        return {"cheating": _Truth(True)} if self.cheating else super().settings()
