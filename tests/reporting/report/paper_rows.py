"""Three rows over five slides of three patients whose means can be worked out on paper."""

from __future__ import annotations

from reporting.record_factory import complete

from stbench.record import Record
from stbench.reporting.report.boards import Board, build_boards

PCC = {"B1": 0.1, "B2": 0.3, "C1": 0.4, "D1": 0.5, "D2": 0.7}
# Patient means 0.2, 0.4, 0.6.
BETTER = {"B1": 0.2, "B2": 0.4, "C1": 0.4, "D1": 0.6, "D2": 0.6}
# Patient means 0.3, 0.4, 0.6.
WORSE = {slide: value - 0.05 for slide, value in PCC.items()}


def board(*records: Record) -> Board:
    (only,) = build_boards(records, "ridge")
    return only


def rows() -> list[Record]:
    return [
        *complete("ridge", PCC, kind="floor"),
        *complete("eggn", BETTER, cost={"fit_seconds": 8.0, "parameters_total": 50}),
        *complete("bleep", WORSE, cost={"fit_seconds": 1.0, "parameters_total": 9000}),
    ]
