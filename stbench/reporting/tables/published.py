"""Numbers that papers printed, from leaderboards/published.csv: shown beside a table, never ranked with its rows."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from stbench.reporting.tables.row import Row

_HERE = Path(__file__).resolve()
# In the installed package it lies beside this file, in a checkout below leaderboards/.
_CANDIDATES = (_HERE.with_name("published.csv"), _HERE.parents[3] / "leaderboards" / "published.csv")
WHY_APART = (
    "Their targets, gene panels and checkpoints differ from those of the rows above and from each other."
)
_METRICS = {"pcc": "PCC", "rmse": "RMSE"}


@dataclass(frozen=True)
class PublishedAblation:
    """One number of a paper's ablation table: a method with something changed, taken out or set.

    table     as the paper numbers it, "Table 2"
    setting   what was changed, as the paper names it: "w/o E_TS", "Q=3", "alpha=0.4"; "Ours" changes nothing
    dataset   by this benchmark's name for it
    metric    "pcc" (a fraction) or "rmse"
    spread    what stands behind "±", None where nothing does; over what, and on which scale, the paper does not say
    note      where the paper contradicts itself, else ""
    """

    table: str
    setting: str
    dataset: str
    metric: str
    value: float
    spread: float | None
    note: str = ""


@cache
def published_rows(dataset: str) -> tuple[Row, ...]:
    """What papers printed for a whole dataset: one row for each method and source, the highest PCC first.

    Ablations and scores of single slides are no such rows. A row's first note is its source.
    """
    found: dict[tuple[str, str], dict[str, Mapping[str, str]]] = {}
    for line in _lines():
        if line["dataset"] == dataset and not line["setting"]:
            source = ", ".join(filter(None, (line["source"], line["table"])))
            found.setdefault((line["method"], source), {})[line["metric"]] = line
    rows = [_row(method, source, by_metric) for (method, source), by_metric in found.items()]
    return tuple(sorted(rows, key=lambda row: (-(row.pcc or 0.0), row.method, row.note)))


@cache
def published_ablations(method: str) -> tuple[PublishedAblation, ...]:
    """The numbers of the ablation tables that a method's paper prints, in the paper's order; () where it has none."""
    return tuple(
        PublishedAblation(
            table=line["table"],
            setting=line["setting"],
            dataset=line["dataset"],
            metric=line["metric"],
            value=float(line["value"]),
            spread=float(line["spread"]) if line["spread"] else None,
            note=line["note"],
        )
        for line in _lines()
        if line["method"] == method and line["setting"] and line["table"]
    )


def _row(method: str, source: str, by_metric: Mapping[str, Mapping[str, str]]) -> Row:
    """A method's numbers from one source, with the spreads and remarks that stand beside them."""
    values = {metric: float(line["value"]) for metric, line in by_metric.items()}
    spreads = [f"{_METRICS[m]} ±{line['spread']}" for m, line in by_metric.items() if line["spread"]]
    remarks = [f"{_METRICS[m]}: {line['note']}" for m, line in by_metric.items() if line["note"]]
    printed = [f"printed with {', '.join(spreads)}"] if spreads else []
    return Row(
        method=method,
        kind="published",
        pcc=values.get("pcc"),
        rmse=values.get("rmse"),
        notes=(source, *printed, *remarks),
    )


def _lines() -> list[dict[str, str]]:
    path = next((candidate for candidate in _CANDIDATES if candidate.is_file()), None)
    if path is None:
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
