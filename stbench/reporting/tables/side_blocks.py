"""What stands beside a leaderboard: tests against the reference, ARI of references, published numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from stbench.names import shown_name
from stbench.reporting.statistics import Comparison
from stbench.reporting.tables.columns import MISSING
from stbench.reporting.tables.leaderboard import Table
from stbench.reporting.tables.published import WHY_APART
from stbench.reporting.tables.row import Row

PUBLISHED_HEADING = f"**Published elsewhere, never ranked with the rows above.** {WHY_APART}"


class ComparisonColumn(NamedTuple):
    """One column of the tests against the reference."""

    title: str
    cell: Callable[[Comparison], str]


class PublishedColumn(NamedTuple):
    """One column of the published numbers."""

    title: str
    cell: Callable[[Row], str]


def _number(value: float | None, digits: int = 3) -> str:
    return MISSING if value is None else f"{value:.{digits}f}"


def _range(interval: tuple[float, float] | None) -> str:
    return f"{interval[0]:.3f} to {interval[1]:.3f}" if interval else MISSING


def _location(comparison: Comparison) -> str:
    if comparison.location_interval is None or comparison.location_level is None:
        return _number(comparison.location)
    level = f"{100 * comparison.location_level:.4g} %"
    return f"{_number(comparison.location)} ({_range(comparison.location_interval)} at {level})"


_COMPARISON_COLUMNS = (
    ComparisonColumn("method", lambda c: shown_name(c.method)),
    ComparisonColumn("verdict", lambda c: c.verdict),
    ComparisonColumn("difference", lambda c: _number(c.difference)),
    ComparisonColumn("95% CI", lambda c: _range(c.interval)),
    ComparisonColumn("Hodges-Lehmann", _location),
    ComparisonColumn("effect", lambda c: _number(c.effect, 2)),
    ComparisonColumn("p", lambda c: _number(c.p)),
    ComparisonColumn("p (Holm)", lambda c: _number(c.p_holm)),
    ComparisonColumn("least p", lambda c: f"{c.smallest_p:.3g} ({c.smallest_p_holm:.3g} after Holm)"),
    ComparisonColumn("margin", lambda c: _number(c.margin)),
)
_CORRECTED_T = ComparisonColumn("Nadeau-Bengio t", lambda c: _number(c.corrected_t, 2))
PUBLISHED_COLUMNS = (
    PublishedColumn("method", lambda row: row.method),
    PublishedColumn("PCC", lambda row: _number(row.pcc)),
    PublishedColumn("RMSE", lambda row: _number(row.rmse, 2)),
    PublishedColumn("source", lambda row: row.note),
)


def comparison_columns(table: Table) -> tuple[ComparisonColumn, ...]:
    """What the tests show; the t that allows for shared training slides is defined for the patient split only."""
    by_patient = table.identity.split == "patient"
    return (*_COMPARISON_COLUMNS, _CORRECTED_T) if by_patient else _COMPARISON_COLUMNS


def comparison_heading(table: Table, plain: Callable[[str], str] = str) -> str:
    """What the tests compare, and with how many patients; `plain` is how the format writes a name."""
    reference = plain(shown_name(table.comparisons[0].reference))
    n = max(comparison.n for comparison in table.comparisons)
    patients = f"{n} patient{'' if n == 1 else 's'}"
    return (
        f"**Against {reference}, PCC by patient ({patients}).** Exact two-sided Wilcoxon signed-rank test, Holm over "
        "the rivals; least p is what so many patients could give at best."
    )


def comparison_cells(table: Table) -> list[list[str]]:
    """One line for each rival of the reference, in the order of the table's rows."""
    by_method = {comparison.method: comparison for comparison in table.comparisons}
    ordered = [by_method[row.label] for row in table.rows if row.label in by_method]
    return [[column.cell(comparison) for column in comparison_columns(table)] for comparison in ordered]


def ari_sentence(table: Table) -> str:
    """What clusters of other things than predictions reach: references, not ceilings; "" without annotation."""
    if not table.ari_references:
        return ""
    listed = ", ".join(f"{shown_name(name)} {value:.3f}" for name, value in table.ari_references)
    return (
        f"ARI of what is no prediction, for reference, no ceiling: {listed}. k-means is told the true number of "
        "labels, which no user would know."
    )
