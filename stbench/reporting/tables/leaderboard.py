"""Leaderboards out of Records: which rows share a table, which Records make a row, in which order rows stand.

The same Records give the same tables, in whatever order they come.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from stbench.errors import UnknownName
from stbench.record import Record, TableIdentity
from stbench.reporting.results.audits import Audit
from stbench.reporting.results.gene_columns import common_genes
from stbench.reporting.statistics import Comparison, over_patients
from stbench.reporting.synthetic_tissue import is_synthetic
from stbench.reporting.tables.against_reference import Tests, references_of, tests_of
from stbench.reporting.tables.floors import bounds_of, encoder_beside, mean_on, scored_slides, with_skill
from stbench.reporting.tables.grouping import RowRecords, TableRecords, by_table
from stbench.reporting.tables.labels import with_distinct_labels
from stbench.reporting.tables.published import published_rows
from stbench.reporting.tables.row import Row
from stbench.reporting.tables.rows import ceiling_row, method_row

SortScore = Literal["pcc", "pcc_given_depth", "pcc_equal_depth"]
# Named before any run: the simplest method that looks at the image and the neighbourhood.
DEFAULT_REFERENCE = "smooth"
# Kinds of rows that may be scored on a part of the spots or genes.
_PARTIAL = ("external", "released")
_SORT_SCORES = ("pcc", "pcc_given_depth", "pcc_equal_depth")


@dataclass(frozen=True)
class Table:
    """Rows that may be compared with one another, best first.

    id                  short hash of recipe and outcome, to tell tables apart that look alike
    apart               how its genes differ from those of another table of the same recipe
    suite               name and hash of the frozen suite that the table is of, where a command has looked; else ""
    synthetic           whether its tissue is generated, as the data set's card says
    t0                  slide -> the counts that equal-depth PCC cuts every spot down to
    n_genes             fewest and most genes of the folds' panels, None where no fold is finished
    n_spots, n_scored   spots of the test slides, and those with enough counts to be scored
    floor               row that skill is measured from for PCC, None where it is not there
    floor_equal_depth   the same for equal-depth PCC
    references          the row of each encoder that all others are tested against
    reference_named     whether that was named before the run, as far as the Records tell
    tests               score -> every row against its reference, by per-patient means; none without patients
    members             label -> the Records behind that row
    ari_references      mean adjusted Rand index of what is no prediction (measured expression, coordinates, ...)
    published           what papers printed for this dataset: rows of another kind, never ranked with these
    """

    identity: TableIdentity
    id: str
    rows: tuple[Row, ...]
    n_patients: int | None
    n_genes: tuple[int, int] | None
    n_spots: int
    n_scored: int
    leaky: bool
    panel_note: str
    floor: str | None
    floor_equal_depth: str | None
    apart: str = ""
    suite: str = ""
    synthetic: bool = False
    t0: Mapping[str, int] = field(default_factory=dict)
    ceiling: float | None = None
    ceiling_equal_depth: float | None = None
    references: tuple[str, ...] = ()
    reference_named: bool = True
    tests: Tests = field(default_factory=dict)
    members: Mapping[str, tuple[Record, ...]] = field(default_factory=dict)
    ari_references: tuple[tuple[str, float], ...] = ()
    published: tuple[Row, ...] = ()

    @property
    def comparisons(self) -> tuple[Comparison, ...]:
        """The tests by plain PCC."""
        return self.tests.get("pcc", ())

    @property
    def has_methods(self) -> bool:
        """Whether it has more than floors: such a table is what was asked for, and is shown first."""
        return any(row.kind not in ("floor", "ceiling") for row in self.rows)

    def facts(self) -> dict[str, Any]:
        """The table without its rows, as plain values."""
        elsewhere = ("identity", "rows", "tests", "members", "ari_references", "published")
        plain = {name: value for name, value in vars(self).items() if name not in elsewhere}
        return asdict(self.identity) | plain


def build_tables(
    records: Iterable[Record],
    sort: SortScore = "pcc",
    reference: str | None = None,
    sources: Mapping[str, str] | None = None,
    audits: Mapping[tuple[str, str], Audit] | None = None,
    ablations: bool = False,
) -> list[Table]:
    """The tables of all Records by dataset: with methods first, the newest protocol first, by split, file panels last.

    `reference` is the row that all others are tested against, by its label, None for the one that the runs named; a
    table that lacks it has no tests.
    `sources` holds the hash of each method's source as it is today: rows made by another are marked.
    `audits` holds verdicts of the leakage audit by method and source.
    `ablations` lets ablations in, which are no contestants and otherwise stand apart.
    UnknownName for a score that cannot sort.
    """
    if sort not in _SORT_SCORES:
        raise UnknownName("score to sort a leaderboard by", sort, _SORT_SCORES)
    contestants = [record for record in records if ablations or not record.ablation]
    tables = [
        _table(members, sort, reference, sources or {}, audits or {}) for members in by_table(contestants)
    ]
    return sorted(
        tables,
        key=lambda t: (
            t.identity.dataset,
            not t.has_methods,
            -t.identity.protocol,
            t.identity.split,
            t.leaky or bool(t.panel_note),
            t.id,
        ),
    )


def _table(
    group: TableRecords,
    sort: SortScore,
    reference: str | None,
    sources: Mapping[str, str],
    audits: Mapping[tuple[str, str], Audit],
) -> Table:
    records = group.records
    # Of a slide the last word counts: that of Records whose truth was checked, and that cover all of it.
    finished = sorted((record for record in records if record.finished), key=_has_last_word)
    slides = {slide.slide: slide for record in finished for slide in record.slides}
    patients = {name: slide.patient for name, slide in slides.items()}
    panel_sizes = [len(record.panel_genes) for record in finished if record.panel_genes]
    ceiling = ceiling_row([r for r in records if r.kind not in _PARTIAL] or records, patients)
    rows, members = _rows(group.rows, patients, sources, audits)
    named = _named_before(records)
    reference = reference or (named.pop() if len(named) == 1 else DEFAULT_REFERENCE)
    references = references_of(rows, reference)
    beside = {row.label: encoder_beside(row, rows) for row in rows}
    bounds = {encoder: bounds_of(rows, ceiling, encoder) for encoder in set(beside.values())}
    rows = [
        with_skill(_beside(row, references.get(beside[row.label])), bounds[beside[row.label]]) for row in rows
    ]
    rows = sorted(rows, key=lambda row: _rank(row, sort))
    floors = next(iter(bounds.values()), None) if len(bounds) == 1 else None
    return Table(
        identity=group.identity,
        id=group.id,
        rows=(*rows, *([ceiling] if ceiling else [])),
        n_patients=None if None in patients.values() else len(set(patients.values())),
        n_genes=(min(panel_sizes), max(panel_sizes)) if panel_sizes else None,
        n_spots=sum(slide.n_spots for slide in slides.values()),
        n_scored=sum(slide.n_scored for slide in slides.values()),
        leaky=any(record.leaky for record in records),
        panel_note="; ".join(sorted({record.panel_note for record in records} - {""})),
        floor=floors.floor.label if floors and floors.floor else None,
        floor_equal_depth=floors.floor_equal_depth.label if floors and floors.floor_equal_depth else None,
        apart=group.apart,
        synthetic=is_synthetic(records),
        t0=_t0(finished),
        ceiling=ceiling.pcc if ceiling else None,
        ceiling_equal_depth=ceiling.pcc_equal_depth if ceiling else None,
        references=tuple(sorted(row.label for row in references.values())),
        reference_named=_named_before(records) <= {reference},
        tests=tests_of(rows, references),
        members=members,
        ari_references=_ari_references(finished, patients),
        published=published_rows(group.identity.dataset) if group.identity.target == "logcpm" else (),
    )


def _rows(
    groups: Sequence[RowRecords],
    patients: Mapping[str, str | None],
    sources: Mapping[str, str],
    audits: Mapping[tuple[str, str], Audit],
) -> tuple[list[Row], dict[str, tuple[Record, ...]]]:
    """The rows of a table with labels that tell them apart, and the Records behind each label."""
    common = common_genes(record for group in groups for record in group.records)
    rows = [
        method_row(
            group.records,
            patients,
            group.older,
            _has_changed(group.records[0], sources),
            _audited(group.records[0], audits),
            common,
        )
        for group in groups
    ]
    rows = with_distinct_labels(rows)
    return rows, {row.label: group.records for row, group in zip(rows, groups, strict=True)}


def _has_last_word(record: Record) -> tuple[bool, bool]:
    """Predictions made elsewhere, and those of released predictors, may lack spots and genes."""
    return not record.truth_unknown, record.kind not in _PARTIAL


def _beside(row: Row, reference: Row | None) -> Row:
    """A row that lacks folds, with the reference's mean over the slides that it has."""
    if row.ranked or reference is None:
        return row
    mean = mean_on(reference, scored_slides(row, "pcc"), "pcc")
    if mean is None:
        return row
    return replace(
        row, reference_mean=mean, notes=(*row.notes, f"{reference.label} has {mean:.3f} on the same slides")
    )


def _t0(finished: Sequence[Record]) -> dict[str, int]:
    """Slide -> T0, the same in every Record of the slide."""
    found = {slide.slide: slide.scores.get("t0") for record in finished for slide in record.slides}
    return {slide: int(value) for slide, value in sorted(found.items()) if value is not None}


def _named_before(records: Sequence[Record]) -> set[str]:
    """The references that the runs named which made these Records; those of older versions name none."""
    return {str(record.provenance.get("reference") or "") for record in records} - {""}


def _audited(record: Record, audits: Mapping[tuple[str, str], Audit]) -> str | None:
    """What the audit said of the source that made the Record."""
    found = None if record.released else audits.get((record.row.method, record.row.source))
    return found.verdict if found else None


def _has_changed(record: Record, sources: Mapping[str, str]) -> bool:
    """Whether the method is here and its source another than the Record's."""
    return sources.get(record.row.method, record.row.source) != record.row.source


def _ari_references(
    finished: Sequence[Record], patients: dict[str, str | None]
) -> tuple[tuple[str, float], ...]:
    """Each reference's index averaged like a score; every Record of a slide states the same ones."""
    by_slide = {slide.slide: slide.ari_references for record in finished for slide in record.slides}
    names = dict.fromkeys(name for found in by_slide.values() for name in found)
    means = {
        name: over_patients({s: found.get(name) for s, found in by_slide.items() if found}, patients)
        for name in names
    }
    return tuple((name, mean) for name, mean in means.items() if mean is not None)


def _rank(row: Row, sort: SortScore) -> tuple[bool, bool, float, str]:
    """Ranked rows first, the best first; a row without the score after those with one."""
    score: float | None = getattr(row, sort)
    return not row.ranked, score is None, -(score or 0.0), row.label
