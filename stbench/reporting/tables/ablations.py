"""A method's ablations beside the method itself: the difference by patient, its test, and what the paper printed.

An ablation is no contestant: it stands in no leaderboard and in no family of a leaderboard's tests. The ablations of
one of the paper's tables are one family.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from stbench.record import Record
from stbench.reporting.statistics import Comparison, compare_with_reference
from stbench.reporting.tables.against_reference import paired_means
from stbench.reporting.tables.leaderboard import Table, build_tables
from stbench.reporting.tables.published import PublishedAblation, published_ablations
from stbench.reporting.tables.row import Row
from stbench.reporting.tables.rows import CORRELATIONS


@dataclass(frozen=True)
class AblationLine:
    """One ablation: its row, its tests against the full method by score, and the paper's numbers for it.

    ranges   score -> least and greatest difference from the full method over patients
    printed  the paper's PCC, on the data sets that the paper took and no others
    """

    name: str
    row: Row
    tests: Mapping[str, Comparison]
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    printed: tuple[PublishedAblation, ...] = ()


@dataclass(frozen=True)
class AblationTable:
    """The ablations of one of a paper's tables, measured on one leaderboard's slides.

    title    as the paper numbers it
    printed  what the paper printed for the method with nothing changed
    """

    title: str
    table: Table
    full: Row
    lines: tuple[AblationLine, ...]
    printed: tuple[PublishedAblation, ...] = field(default=())


def ablation_tables(records: Iterable[Record]) -> list[AblationTable]:
    """One for each full method that has ablations, and each of its paper's tables; [] where nothing was ablated.

    Of a full method that was run with more seeds than its ablations, only theirs count: like is paired with like.
    """
    kept = list(records)
    ablated = {(record.row.method, record.seed) for record in kept if record.ablation}
    alike = [record for record in kept if (record.row.method, record.seed) in ablated]
    tables = build_tables(alike, ablations=True) if alike else []
    return [found for table in tables for full in _full_rows(table) for found in _of_method(table, full)]


def _full_rows(table: Table) -> list[Row]:
    return [row for row in table.rows if row.kind not in ("ablation", "ceiling")]


def _of_method(table: Table, full: Row) -> list[AblationTable]:
    by_title: dict[str, list[tuple[str, Row]]] = {}
    for row in table.rows:
        if row.kind == "ablation" and _full_of(row, _full_rows(table)) is full:
            title, _, name = table.members[row.label][0].ablation.partition(": ")
            by_title.setdefault(title, []).append((name, row))
    return [_ablation_table(title, table, full, by_title[title]) for title in sorted(by_title, key=_order)]


def _order(title: str) -> tuple[int, str]:
    """Tables of the text before those of the supplement, by number."""
    return len(title), title


def _full_of(row: Row, full_rows: Sequence[Row]) -> Row | None:
    """The row that an ablation changes: of the same source, with the most of its own settings."""
    alike = [
        full
        for full in full_rows
        if (full.method, full.variant, full.source) == (row.method, row.variant, row.source)
        and full.overrides.items() <= row.overrides.items()
    ]
    same_encoder = [full for full in alike if full.encoder == row.encoder]
    return max(same_encoder or alike, key=lambda full: len(full.overrides), default=None)


def _ablation_table(title: str, table: Table, full: Row, rows: Sequence[tuple[str, Row]]) -> AblationTable:
    tests = {score: _tests(full, [row for _, row in rows], score) for score in CORRELATIONS}
    ranges = {row.label: {score: _range(row, full, score) for score in CORRELATIONS} for _, row in rows}
    printed: dict[str, list[PublishedAblation]] = {}
    for number in published_ablations(full.method):
        if number.table == title and number.metric == "pcc":
            printed.setdefault(number.setting, []).append(number)
    order = {name: place for place, name in enumerate(printed)}
    lines = [
        AblationLine(
            name,
            row,
            {score: found[row.label] for score, found in tests.items() if row.label in found},
            {score: ends for score, ends in ranges[row.label].items() if ends},
            tuple(printed.get(name, ())),
        )
        for name, row in sorted(rows, key=lambda pair: (order.get(pair[0], len(order)), pair[0]))
    ]
    return AblationTable(title, table, full, tuple(lines), tuple(printed.get("Ours", ())))


def _range(row: Row, full: Row, score: str) -> tuple[float, float] | None:
    """Least and greatest difference over patients, None below two of them."""
    own, others = paired_means(row, full, score), paired_means(full, full, score)
    differences = [value - others[patient] for patient, value in own.items()]
    return (min(differences), max(differences)) if len(differences) > 1 else None


def _tests(full: Row, rows: Sequence[Row], score: str) -> dict[str, Comparison]:
    """Label -> the ablation against the full method by patient, corrected over these rows; none without patients."""
    means = {row.label: paired_means(row, full, score) for row in (full, *rows)}
    stated = {label: scores for label, scores in means.items() if scores}
    if full.label not in stated:
        return {}
    return {test.method: test for test in compare_with_reference(stated, full.label)}


def printed_in_words(found: AblationTable) -> list[str]:
    """The paper's own numbers, a sentence for each of its data sets, none of which need be the one measured here."""
    by_dataset: dict[str, list[str]] = {}
    named = [("nothing changed", found.printed), *((line.name, line.printed) for line in found.lines)]
    for name, numbers in named:
        for number in numbers:
            by_dataset.setdefault(number.dataset, []).append(f"{name} {number.value:.3f}")
    return [
        f"Printed for {dataset} ({found.title} of its paper), PCC: {', '.join(values)}."
        for dataset, values in by_dataset.items()
    ]
