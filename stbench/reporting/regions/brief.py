"""What annotated regions say, without the rows that a brief leaderboard leaves out too."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from stbench.reporting.regions.localising import Localised
from stbench.reporting.regions.within import Within
from stbench.reporting.tables.brief import folded, is_twin

Found = TypeVar("Found", Within, Localised)


def without_twins(found: Found) -> tuple[Found, list[str]]:
    """The same without untuned twins of floors, and a sentence that says so; [] where there are none."""
    twins = {row.label for row in found.table.rows if is_twin(row, found.table)}
    kept = tuple(row for row in found.rows if row.label not in twins)
    if len(kept) == len(found.rows):
        return found, []
    return replace(found, rows=kept), [f"{folded(found.table)} They stand in --format md, csv and json."]
