"""What stands beside a leaderboard: tests against the reference, ARI of references, published numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from stbench.names import shown_name
from stbench.reporting.statistics import AcrossDatasets, Comparison
from stbench.reporting.tables.across import Across
from stbench.reporting.tables.columns import MISSING
from stbench.reporting.tables.leaderboard import Table
from stbench.reporting.tables.published import WHY_APART
from stbench.reporting.tables.row import Row

SCORE_NAMES = {
    "pcc": "PCC",
    "pcc_given_depth": "PCC given depth",
    "pcc_equal_depth": "equal-depth PCC",
}
HOW_TESTED = (
    "p: joint sign flips of the patients over all rivals (step-down maxT); least p is what so many patients could "
    "give at best."
)
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


def _short(value: float | None) -> str:
    return MISSING if value is None else f"{value:.3g}"


def _wilcoxon(comparison: Comparison) -> str:
    """Papers' usual test, and the least that it can give with so many patients and rivals."""
    if comparison.wilcoxon_p_holm is None:
        return MISSING
    return f"{comparison.wilcoxon_p_holm:.3f} (least {_short(comparison.wilcoxon_least_p_holm)})"


_COMPARISON_COLUMNS = (
    ComparisonColumn("method", lambda c: shown_name(c.method)),
    ComparisonColumn("verdict", lambda c: c.verdict),
    ComparisonColumn("difference", lambda c: _number(c.difference)),
    ComparisonColumn("95% CI", lambda c: _range(c.interval)),
    ComparisonColumn("Hodges-Lehmann", _location),
    ComparisonColumn("effect", lambda c: _number(c.effect, 2)),
    ComparisonColumn("n", lambda c: str(c.n)),
    ComparisonColumn("p", lambda c: _number(c.p_adjusted)),
    ComparisonColumn("least p", lambda c: _short(c.least_p_adjusted)),
    ComparisonColumn("Wilcoxon p (Holm)", _wilcoxon),
    ComparisonColumn("tested with", lambda c: "alone" if c.alone else c.family),
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


def comparison_heading(table: Table, score: str, plain: Callable[[str], str] = str) -> str:
    """What the tests compare, and with how many patients; `plain` is how the format writes a name."""
    tests = table.tests[score]
    reference = " and ".join(sorted({plain(shown_name(test.reference)) for test in tests}))
    n = max(test.n for test in tests)
    patients = f"{n} patient{'' if n == 1 else 's'}"
    named = "" if table.reference_named else " The reference was named after the run."
    return f"**Against {reference}, {SCORE_NAMES[score]} by patient ({patients}).** {HOW_TESTED}{named}"


def comparison_cells(table: Table, score: str) -> list[list[str]]:
    """One line for each rival of the reference, in the order of the table's rows."""
    columns = comparison_columns(table)
    return [[column.cell(test) for column in columns] for test in table.tests[score]]


ACROSS_TITLES = ("method", "verdict", "difference", "95% CI", "n", "p", "least p")


def across_heading(found: Across, score: str, plain: Callable[[str], str] = str) -> str:
    """What the tests over several data sets compare."""
    patches = f"; {plain(found.patches)}" if found.patches else ""
    return (
        f"**Against {plain(shown_name(found.reference))}, {SCORE_NAMES[score]}, {len(found.datasets)} data sets "
        f"weighted equally{patches}.** p: joint sign flips of the patients within each data set (step-down maxT)."
    )


def across_cells(tests: Sequence[AcrossDatasets]) -> list[list[str]]:
    """One line for each method that two data sets or more have."""
    return [
        [
            shown_name(test.method),
            test.verdict,
            _number(test.difference),
            _range(test.interval),
            f"{test.n} of {len(test.datasets)} data sets",
            _number(test.p_adjusted),
            _short(test.least_p_adjusted),
        ]
        for test in tests
    ]


def ari_sentence(table: Table) -> str:
    """What clusters of other things than predictions reach: references, not ceilings; "" without annotation."""
    if not table.ari_references:
        return ""
    listed = ", ".join(f"{shown_name(name)} {value:.3f}" for name, value in table.ari_references)
    return (
        f"ARI of what is no prediction, for reference, no ceiling: {listed}. k-means is told the true number of "
        "labels, which no user would know."
    )
