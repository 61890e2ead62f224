"""A method's ablations beside the method, one grid for each table of its paper, and the paper's own numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from stbench.names import cleaned, shown_name
from stbench.reporting.report.grid import Grid, Heading, Line, interval, number, words
from stbench.reporting.report.patients import CORRELATIONS
from stbench.reporting.tables.ablations import AblationLine, AblationTable

NOTHING = "nothing changed"


class AblationPart(NamedTuple):
    """What was measured, and what the paper printed, None where it printed nothing."""

    measured: Grid
    printed: Grid | None


def ablations_section(tables: Sequence[AblationTable]) -> list[AblationPart]:
    """One part for each table of a paper; [] where nothing was ablated."""
    return [AblationPart(_measured(table), _printed(table)) for table in tables]


def _measured(found: AblationTable) -> Grid:
    identity = found.table.identity
    caption = (
        f"{found.title}: {shown_name(found.full.label)} on {shown_name(identity.dataset)}, {identity.split} split, "
        f"{len(identity.slides)} slides"
    )
    intervals = any(test.interval for line in found.lines for test in line.tests.values()) or not any(
        line.ranges for line in found.lines
    )
    headings = [Heading("ablation", is_number=False)]
    for name in CORRELATIONS.values():
        headings += [
            Heading(name),
            Heading("minus full"),
            Heading("95% CI" if intervals else "patient range"),
            Heading("verdict", is_number=False),
        ]
    full = [NOTHING]
    for score in CORRELATIONS:
        full += [number(getattr(found.full, score)), "", "", ""]
    return Grid(
        caption,
        tuple(headings),
        (Line(tuple(full)), *(Line(_cells(line, intervals)) for line in found.lines)),
    )


def _cells(line: AblationLine, intervals: bool) -> tuple[str, ...]:
    cells = [cleaned(line.name)]
    for score in CORRELATIONS:
        test = line.tests.get(score)
        cells += [
            number(getattr(line.row, score)),
            number(test.difference if test else None),
            _spread(test.interval if test else None, line.ranges.get(score), intervals),
            test.verdict if test else "no patients stated",
        ]
    return tuple(cells)


def _spread(
    ends: tuple[float, float] | None, least_greatest: tuple[float, float] | None, intervals: bool
) -> str:
    """The interval; where two patients give none, their range, named as such unless its column is."""
    if ends is None and least_greatest:
        return f"range {interval(least_greatest)}" if intervals else interval(least_greatest)
    return interval(ends)


def _printed(found: AblationTable) -> Grid | None:
    """The paper's PCC by ablation and data set."""
    named = [(NOTHING, found.printed), *((cleaned(line.name), line.printed) for line in found.lines)]
    datasets = list(dict.fromkeys(number.dataset for _, numbers in named for number in numbers))
    if not datasets:
        return None
    lines = []
    for name, numbers in named:
        values = {printed.dataset: printed.value for printed in numbers}
        lines.append(Line((name, *(number(values.get(dataset)) for dataset in datasets))))
    headings = (*words("ablation"), *(Heading(dataset) for dataset in datasets))
    return Grid(f"{found.title} as its paper prints it: PCC, on its own data sets", headings, tuple(lines))
