"""What `stbench time --json` printed for leaderboards/costs: a row for each method, the newest of it."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

_HERE = Path(__file__).resolve()
# In a wheel, and in a checkout.
_COSTS = (_HERE.with_name("costs"), _HERE.parents[2] / "leaderboards" / "costs")


class MeasuredCost(NamedTuple):
    """A method's row, and how fast a thread of that machine multiplied matrices."""

    row: dict[str, Any]
    matrix_gflops: float


@cache
def measured_costs(device: str = "cpu") -> dict[str, MeasuredCost]:
    """Method -> what was measured of it on such a device; {} where the project's costs are not at hand."""
    folder = next((folder for folder in _COSTS if folder.is_dir()), None)
    found = {}
    for path in sorted(folder.glob("*.json")) if folder else []:
        document = json.loads(path.read_text(encoding="utf-8"))
        for row in document["rows"]:
            if row["device"] == device:
                found[row["method"]] = MeasuredCost(row, document["matrix_gflops"])
    return found
