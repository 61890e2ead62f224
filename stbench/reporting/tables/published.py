"""Numbers that papers printed, from leaderboards/published.csv: shown beside a table, never ranked with its rows."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

from stbench.reporting.tables.row import Row

_HERE = Path(__file__).resolve()
# In the installed package it lies beside this file, in a checkout below leaderboards/.
_CANDIDATES = (_HERE.with_name("published.csv"), _HERE.parents[3] / "leaderboards" / "published.csv")
WHY_APART = (
    "Their targets, gene panels and checkpoints differ from those of the rows above and from each other."
)


@cache
def published_rows(dataset: str) -> tuple[Row, ...]:
    """What papers printed for a dataset: one row for each method and source, the highest PCC first."""
    found: dict[tuple[str, str], dict[str, float]] = {}
    for line in _lines():
        if line["dataset"] == dataset:
            source = ", ".join(filter(None, (line["source"], line["table"])))
            found.setdefault((line["method"], source), {})[line["metric"]] = float(line["value"])
    rows = [
        Row(method=method, kind="published", pcc=values.get("pcc"), rmse=values.get("rmse"), note=source)
        for (method, source), values in found.items()
    ]
    return tuple(sorted(rows, key=lambda row: (-(row.pcc or 0.0), row.method, row.note)))


def _lines() -> list[dict[str, str]]:
    path = next((candidate for candidate in _CANDIDATES if candidate.is_file()), None)
    if path is None:
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
