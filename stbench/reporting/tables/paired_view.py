"""Two methods side by side: their slides, their genes, and what may be said of the difference."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from stbench.errors import UnknownName, UsageError
from stbench.record import Record
from stbench.reporting.statistics import Comparison, compare_with_reference, patient_means
from stbench.reporting.tables.columns import label
from stbench.reporting.tables.leaderboard import Table, build_tables
from stbench.reporting.tables.presets import is_called
from stbench.reporting.tables.row import Row

PAIRINGS = ("patient", "slide", "gene-slide")


@dataclass(frozen=True)
class PairedView:
    """Two rows of one table on the slides that both have.

    slides   slide -> (PCC of the first, PCC of the second)
    genes    (n, 2) PCC of both for each gene and slide where both are defined
    test     first minus second
    """

    table: Table
    first: Row
    second: Row
    slides: dict[str, tuple[float, float]]
    genes: np.ndarray
    test: Comparison

    @property
    def sentence(self) -> str:
        """The test's outcome in words."""
        test = self.test
        difference = "undefined" if test.difference is None else f"{test.difference:+.3f}"
        interval = f" (95% CI {test.interval[0]:.3f} to {test.interval[1]:.3f})" if test.interval else ""
        first, second = label(self.first), label(self.second)
        verdict = {
            "better": f"{first} is better than {second}",
            "worse": f"{first} is worse than {second}",
            "equivalent": f"{first} and {second} are equivalent within 0.01",
        }.get(test.verdict.partition(",")[0], f"whether {first} or {second} is better {test.verdict}")
        note = ", below the margin of 0.01" if "below the margin" in test.verdict else ""
        warning = (
            f" PSEUDO-REPLICATED: {test.unit}s of one patient are no independent cases, so p is too small."
            if test.pseudo_replicated
            else ""
        )
        flips = "" if test.p is None else f"p = {test.p:.3g} by sign flips, "
        rank = "" if test.wilcoxon_p is None else f"Wilcoxon p = {test.wilcoxon_p:.3g}, "
        least = "" if test.least_p is None else f" (at best {test.least_p:.3g} with so many)"
        return (
            f"{verdict[0].upper()}{verdict[1:]}{note}: PCC differs by {difference}{interval}, {flips}{rank}"
            f"{test.n} {test.unit}s{least}.{warning}"
        )


def paired_views(
    records: Iterable[Record], first: str, second: str, dataset: str, pairing: str = "patient"
) -> list[PairedView]:
    """One view for each table of the dataset that holds both rows, named by method or by full label.

    Raises UnknownName for a row that no table has, UsageError where none has both, or a name means several rows.
    """
    if pairing not in PAIRINGS:
        raise UnknownName("pairing", pairing, PAIRINGS)
    tables = [table for table in build_tables(records) if table.identity.dataset == dataset]
    rows = [row for table in tables for row in table.rows if row.slides]
    labels = {row.label for row in rows}
    for name in (first, second):
        if not any(is_called(row.names, name) for row in rows):
            raise UnknownName(f"row in the leaderboards of {dataset}", name, labels)
    views = [_view(table, first, second, pairing) for table in tables]
    found = [view for view in views if view is not None]
    if not found:
        raise UsageError(
            f"No leaderboard of {dataset} has both {first} and {second} on a common slide; run them with the same "
            "options."
        )
    return found


def _row(table: Table, name: str) -> Row | None:
    """The row of that label, else the only one of that method; its untuned twin is meant by its label alone."""
    rows = [row for row in table.rows if row.kind != "ceiling" and is_called(row.names, name)]
    exact = [row for row in rows if name in row.names]
    meant = exact or [row for row in rows if row.variant != "untuned"] or rows
    if len(meant) > 1:
        listed = ", ".join(sorted(f'"{row.label}"' for row in meant))
        raise UsageError(
            f"{name} names {len(meant)} rows of table {table.id}: {listed}; name one of them in full."
        )
    return next(iter(meant), None)


def _view(table: Table, first: str, second: str, pairing: str) -> PairedView | None:
    one, other = _row(table, first), _row(table, second)
    if one is None or other is None:
        return None
    slides = _common(one, other)
    if not slides:
        return None
    genes = _gene_scores(table.members[one.label], table.members[other.label])
    test = _test(one, other, slides, genes, pairing)
    pairs = np.array(list(genes.values()), dtype=float).reshape(-1, 2)
    return PairedView(table, one, other, slides, pairs, test)


def _common(one: Row, other: Row) -> dict[str, tuple[float, float]]:
    second = {s.slide: s.pcc for s in other.slides if s.pcc is not None}
    return {s.slide: (s.pcc, second[s.slide]) for s in one.slides if s.pcc is not None and s.slide in second}


def _gene_scores(one: Sequence[Record], other: Sequence[Record]) -> dict[str, tuple[float, float]]:
    """'slide gene' -> PCC of both rows, averaged over seeds; from the Records of these very rows."""
    first, second = _by_gene(one), _by_gene(other)
    return {name: (first[name], second[name]) for name in sorted(first.keys() & second.keys())}


def _by_gene(records: Sequence[Record]) -> dict[str, float]:
    found: dict[str, list[float]] = {}
    for record in records:
        for slide in record.slides if record.finished else ():
            for gene, value in zip(slide.genes, slide.per_gene.get("pcc", ()), strict=False):
                if value is not None:
                    found.setdefault(f"{slide.slide} {gene}", []).append(value)
    return {name: float(np.mean(values)) for name, values in found.items()}


def _test(
    one: Row,
    other: Row,
    slides: dict[str, tuple[float, float]],
    genes: dict[str, tuple[float, float]],
    pairing: str,
) -> Comparison:
    if pairing == "gene-slide":
        units, unit = genes, "gene-and-slide pair"
    elif pairing == "slide":
        units, unit = slides, "slide"
    else:
        units, unit = _patients(one, slides), "patient"
    scores = {name: {u: pair[i] for u, pair in units.items()} for i, name in enumerate(("first", "second"))}
    (test,) = compare_with_reference(scores, "second", unit)
    return test


def _patients(row: Row, slides: dict[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
    patients = {s.slide: s.patient for s in row.slides}
    means = [patient_means({s: pair[i] for s, pair in slides.items()}, patients) for i in (0, 1)]
    if means[0] is None or means[1] is None:
        raise UsageError(
            "Some slides do not state their patient, so methods cannot be compared by patient; --pairs slide compares "
            "slides, which is pseudo-replicated."
        )
    return {patient: (means[0][patient], means[1][patient]) for patient in means[0]}
