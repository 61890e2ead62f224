"""Leaderboards out of Records: which rows share a table, which Records make a row, in which order rows stand.

The same Records give the same tables, in whatever order they come.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from stbench.errors import UnknownName
from stbench.files import hash_value
from stbench.record import Record, TableIdentity
from stbench.reporting.results.audits import Audit
from stbench.reporting.statistics import (
    Comparison,
    compare_with_reference,
    over_patients,
    patient_means,
    skill,
)
from stbench.reporting.tables.grouping import by_row, by_table
from stbench.reporting.tables.published import published_rows
from stbench.reporting.tables.row import Row
from stbench.reporting.tables.rows import ceiling_row, method_row

if TYPE_CHECKING:
    import pandas as pd

SortScore = Literal["pcc", "pcc_given_depth", "pcc_equal_depth"]
# Named before any run: the simplest method that looks at the image.
DEFAULT_REFERENCE = "ridge"
_SORT_SCORES = ("pcc", "pcc_given_depth", "pcc_equal_depth")


@dataclass(frozen=True)
class Table:
    """Rows that may be compared with one another, best first.

    id                  short hash of the identity, to tell tables apart that look alike
    n_genes             fewest and most genes of the folds' panels, None where no fold is finished
    n_spots, n_scored   spots of the test slides, and those with enough counts to be scored
    floor               row that skill is measured from (the best mean floor by pcc), None where there is none
    floor_equal_depth   the same by equal-depth PCC
    comparisons         every complete row against the reference, by per-patient mean PCC; none without patients
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
    comparisons: tuple[Comparison, ...] = ()
    ari_references: tuple[tuple[str, float], ...] = ()
    published: tuple[Row, ...] = ()

    def facts(self) -> dict[str, Any]:
        """The table without its rows, as plain values."""
        apart = ("identity", "rows", "comparisons", "ari_references", "published")
        plain = {name: value for name, value in vars(self).items() if name not in apart}
        return asdict(self.identity) | plain


def build_tables(
    records: Iterable[Record],
    sort: SortScore = "pcc",
    reference: str = DEFAULT_REFERENCE,
    sources: Mapping[str, str] | None = None,
    audits: Mapping[tuple[str, str], Audit] | None = None,
) -> list[Table]:
    """One table for each TableIdentity, by dataset, split, and panels that no test slide can have shaped first.

    `reference` is the row that all others are tested against, by its label; a table that lacks it has no tests.
    `sources` holds the hash of each method's source as it is today: rows made by another are marked.
    `audits` holds verdicts of the leakage audit by method and source.
    UnknownName for a score that cannot sort.
    """
    if sort not in _SORT_SCORES:
        raise UnknownName("score to sort a leaderboard by", sort, _SORT_SCORES)
    tables = [
        _table(identity, members, sort, reference, sources or {}, audits or {})
        for identity, members in by_table(records).items()
    ]
    return sorted(
        tables,
        key=lambda t: (t.identity.dataset, t.identity.split, t.leaky or bool(t.panel_note), t.id),
    )


def to_dataframe(tables: Sequence[Table]) -> pd.DataFrame:
    """One line for each row of each table, the table's facts in the first columns; slides are left out."""
    import pandas as pd

    lines = []
    for table in tables:
        facts = {"table": table.id, **{name: value for name, value in table.facts().items() if name != "id"}}
        for row in table.rows:
            fields = {name: value for name, value in vars(row).items() if name != "slides"}
            lines.append(facts | fields)
    return pd.DataFrame(lines)


def _table(
    identity: TableIdentity,
    records: Sequence[Record],
    sort: SortScore,
    reference: str,
    sources: Mapping[str, str],
    audits: Mapping[tuple[str, str], Audit],
) -> Table:
    finished = [record for record in records if record.finished]
    slides = {slide.slide: slide for record in finished for slide in record.slides}
    patients = {name: slide.patient for name, slide in slides.items()}
    panel_sizes = [len(record.panel_genes) for record in finished if record.panel_genes]
    rows = [
        method_row(members, patients, older, _has_changed(members[0], sources), _audited(members[0], audits))
        for members, older in by_row(records)
    ]
    ceiling = ceiling_row(records, patients)
    floor, floor_equal_depth = _best_floor(rows, "pcc"), _best_floor(rows, "pcc_equal_depth")
    rows = [_with_skill(row, floor, floor_equal_depth, ceiling) for row in rows]
    return Table(
        identity=identity,
        id=hash_value(asdict(identity))[:8],
        rows=(*sorted(rows, key=lambda row: _rank(row, sort)), *([ceiling] if ceiling else [])),
        n_patients=None if None in patients.values() else len(set(patients.values())),
        n_genes=(min(panel_sizes), max(panel_sizes)) if panel_sizes else None,
        n_spots=sum(slide.n_spots for slide in slides.values()),
        n_scored=sum(slide.n_scored for slide in slides.values()),
        leaky=any(record.leaky for record in records),
        panel_note="; ".join(sorted({record.panel_note for record in records} - {""})),
        floor=floor.label if floor else None,
        floor_equal_depth=floor_equal_depth.label if floor_equal_depth else None,
        comparisons=_comparisons(rows, reference),
        ari_references=_ari_references(finished, patients),
        published=published_rows(identity.dataset),
    )


def _audited(record: Record, audits: Mapping[tuple[str, str], Audit]) -> str | None:
    """What the audit said of the source that made the Record."""
    found = audits.get((record.row.method, record.row.source))
    return found.verdict if found else None


def _has_changed(record: Record, sources: Mapping[str, str]) -> bool:
    """Whether the method is here and its source another than the Record's."""
    return sources.get(record.row.method, record.row.source) != record.row.source


def _comparisons(rows: Sequence[Row], reference: str) -> tuple[Comparison, ...]:
    """Complete rows against the reference on patient means; nothing where patients are not stated."""
    means = {row.label: patient_means(*_scores_and_patients(row)) for row in rows if row.ranked}
    stated = {label: scores for label, scores in means.items() if scores}
    return tuple(compare_with_reference(stated, reference)) if reference in stated else ()


def _scores_and_patients(row: Row) -> tuple[dict[str, float | None], dict[str, str | None]]:
    return {s.slide: s.pcc for s in row.slides}, {s.slide: s.patient for s in row.slides}


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


def _best_floor(rows: Sequence[Row], score: str) -> Row | None:
    """The complete floor with the best mean score; ties go to the first name."""
    floors = [row for row in rows if row.kind == "floor" and row.ranked and getattr(row, score) is not None]
    return min(floors, key=lambda row: (-getattr(row, score), row.label), default=None)


def _with_skill(row: Row, floor: Row | None, floor_equal_depth: Row | None, ceiling: Row | None) -> Row:
    """Skill needs all three means over the same slides: only complete rows have one."""
    if ceiling is None or not row.ranked:
        return row
    of_pcc = skill(row.pcc, floor and floor.pcc, ceiling.pcc)
    floor_score = floor_equal_depth and floor_equal_depth.pcc_equal_depth
    return replace(
        row, skill=of_pcc, skill_equal_depth=skill(row.pcc_equal_depth, floor_score, ceiling.pcc_equal_depth)
    )


def _rank(row: Row, sort: SortScore) -> tuple[bool, bool, float, str]:
    """Complete rows first, the best first; a row without the score after those with one."""
    score: float | None = getattr(row, sort)
    return not row.ranked, score is None, -(score or 0.0), row.label
