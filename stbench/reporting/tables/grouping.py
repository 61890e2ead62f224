"""Which Records share a table, and which of them make one row of it: by what came out, not by what it is called.

The same Records give the same groups, in whatever order they come.

A row is one RowIdentity with one encoder. Rows share a table where their recipe agrees (all of TableIdentity but the
encoder) and so does its outcome, the genes of every fold's panel. A row that was not tuned here joins every table of
its recipe, whatever inner loop tuned the others; predictions made elsewhere, and released predictors, whatever patches
the others saw, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache

from stbench.files import hash_value
from stbench.record import Record, TableIdentity

# Kinds of rows whose settings were chosen elsewhere.
_CHOSEN_ELSEWHERE = ("released", "external")
# Rows that look at images in their own way: nobody here knows how, or as their model file says.
_MADE_ELSEWHERE = ("external", "released")
# Hash of the genes of each fold's panel.
Panels = Mapping[str, str]


@dataclass(frozen=True, eq=False)
class RowRecords:
    """The Records of one row, at most one for each seed and fold; `older` tells whether others were passed over."""

    records: tuple[Record, ...]
    older: bool

    @property
    def panels(self) -> dict[str, str]:
        """Fold -> hash of its genes, for folds that came to an end."""
        return {record.fold: panel_of(record) for record in self.records if record.panel_genes}


@dataclass(frozen=True, eq=False)
class TableRecords:
    """The rows of one table.

    identity  what they agree on; no encoder where they have several
    panels    fold -> hash of its genes
    apart     how its genes differ from those of another table of the same recipe, "" where there is none
    """

    identity: TableIdentity
    panels: Panels
    rows: tuple[RowRecords, ...]
    apart: str = ""

    @property
    def id(self) -> str:
        """Short hash of recipe and outcome."""
        return hash_value([asdict(self.identity), sorted(self.panels.items())])[:8]

    @property
    def records(self) -> list[Record]:
        return [record for row in self.rows for record in row.records]


def panel_of(record: Record) -> str:
    """What tells a fold's genes from others: made from the genes themselves, in their order."""
    return _hash_of_genes(record.panel_genes)


@lru_cache(maxsize=1024)
def _hash_of_genes(genes: tuple[str, ...]) -> str:
    """The same genes stand in every Record of a fold."""
    return hash_value(list(genes))


def is_tuned_here(record: Record) -> bool:
    """Whether the inner loop that its table names had a say in this row."""
    return record.row.variant != "untuned" and record.kind not in _CHOSEN_ELSEWHERE


def by_table(records: Iterable[Record]) -> list[TableRecords]:
    """The tables of all Records, each with its rows in the order of their identity."""
    tuned: dict[TableIdentity, list[RowRecords]] = {}
    joining: dict[TableIdentity, list[RowRecords]] = {}
    for row in by_row(records):
        first = row.records[0]
        rows = tuned if is_tuned_here(first) else joining
        rows.setdefault(_as_seen(first), []).append(row)
    # Those that say how images were cut come first, for those that do not join them.
    for recipe in sorted(joining, key=lambda recipe: not recipe.patch):
        if not any(recipe in (_untuned(known), _elsewhere(known)) for known in tuned):
            tuned[recipe] = []
    return [
        table
        for recipe, rows in tuned.items()
        for table in _by_outcome(recipe, rows, _joining(recipe, joining))
    ]


def _joining(recipe: TableIdentity, rows: Mapping[TableIdentity, list[RowRecords]]) -> list[RowRecords]:
    """The rows that join every table of a recipe."""
    recipes = dict.fromkeys((_untuned(recipe), _elsewhere(recipe)))
    return [row for seen in recipes for row in rows.get(seen, [])]


def by_row(records: Iterable[Record]) -> list[RowRecords]:
    """The Records of each row, the newest of each seed and fold.

    A row that was not tuned here is one row, whichever inner loop it was made beside.
    """
    rows: dict[str, list[Record]] = {}
    for record in records:
        recipe = _as_seen(record)
        identity = [asdict(recipe), record.table.encoder, asdict(record.row), record.kind, record.ablation]
        rows.setdefault(hash_value(identity), []).append(record)
    found = []
    for _, members in sorted(rows.items()):
        for alike in _by_genes(members):
            # The same made beside another inner loop is a copy, not an older result.
            made = {(record.seed, record.fold, record.table) for record in alike}
            found.append(RowRecords(tuple(_newest_of_each_fold(alike)), len(made) < len(alike)))
    return found


def _by_genes(records: Sequence[Record]) -> list[list[Record]]:
    """The Records of one row, once for each set of panels: where a fold has two panels, two machines chose them.

    A fold of which there is only one panel belongs to every set; so does one that failed.
    """
    panels: dict[str, list[str]] = {}
    for record in sorted(records, key=_age):
        known = panels.setdefault(record.fold, [])
        if record.panel_genes and panel_of(record) not in known:
            known.append(panel_of(record))
    n_sets = max(1, *(len(known) for known in panels.values()))

    def belongs(record: Record, place: int) -> bool:
        known = panels[record.fold]
        return not record.panel_genes or panel_of(record) == known[min(place, len(known) - 1)]

    return [[record for record in records if belongs(record, place)] for place in range(n_sets)]


def _as_seen(record: Record) -> TableIdentity:
    """What a row of this Record must agree on with the others of a table."""
    if is_tuned_here(record):
        return _recipe(record.table)
    return _elsewhere(record.table) if record.kind in _MADE_ELSEWHERE else _untuned(record.table)


def _recipe(table: TableIdentity) -> TableIdentity:
    return replace(table, encoder="")


def _untuned(table: TableIdentity) -> TableIdentity:
    """The recipe as a row that was not tuned sees it: of no inner loop."""
    return replace(table, encoder="", inner="", checkpoints="", tune_on="", halving=False)


def _elsewhere(table: TableIdentity) -> TableIdentity:
    """The recipe as predictions made elsewhere see it: how images were cut is not known of them."""
    return replace(_untuned(table), patch="")


def _by_outcome(
    recipe: TableIdentity, tuned: Sequence[RowRecords], joining: Sequence[RowRecords]
) -> list[TableRecords]:
    """One table for each set of rows whose panels agree fold by fold; the one with most rows first."""
    panels: list[dict[str, str]] = []
    members: list[list[RowRecords]] = []
    for row in _fullest_first(tuned):
        fitting = [i for i, known in enumerate(panels) if _agree(known, row.panels)][:1]
        _join(row, fitting, panels, members)
    for row in _fullest_first(joining):
        _join(row, [i for i, known in enumerate(panels) if _agree(known, row.panels)], panels, members)
    tables = [
        TableRecords(_with_encoder(recipe, rows), dict(sorted(known.items())), tuple(rows))
        for known, rows in zip(panels, members, strict=True)
    ]
    tables.sort(key=lambda table: (-len(table.rows), table.id))
    return [tables[0], *(replace(table, apart=_difference(table, tables[0])) for table in tables[1:])]


def _fullest_first(rows: Iterable[RowRecords]) -> list[RowRecords]:
    """Rows with most folds first: they decide which genes a table has, and what is unfinished joins them."""
    return sorted(rows, key=lambda row: (-len(row.panels), _order(row.records[0])))


def _join(
    row: RowRecords, tables: Sequence[int], panels: list[dict[str, str]], members: list[list[RowRecords]]
) -> None:
    """Add a row to these tables, or to one of its own where there is none."""
    if not tables:
        panels.append({})
        members.append([])
        tables = [len(panels) - 1]
    for i in tables:
        panels[i].update(row.panels)
        members[i].append(row)


def _agree(known: Panels, others: Panels) -> bool:
    return all(known.get(fold, genes) == genes for fold, genes in others.items())


def _with_encoder(recipe: TableIdentity, rows: Sequence[RowRecords]) -> TableIdentity:
    fitted = [row.records[0] for row in rows if row.records[0].kind not in _MADE_ELSEWHERE]
    encoders = {record.table.encoder for record in fitted} - {""}
    return replace(recipe, encoder=encoders.pop() if len(encoders) == 1 else "")


def _difference(table: TableRecords, other: TableRecords) -> str:
    """The first fold whose panels differ, and by how many genes."""
    genes, others = _genes(table), _genes(other)
    fold = min(fold for fold, known in table.panels.items() if other.panels.get(fold, known) != known)
    here, there = set(genes[fold]), set(others[fold])
    what = f"{len(here - there)} of {len(here)} genes differ" if here != there else "their order differs"
    return f"other genes than table {other.id} from the same recipe: in fold {fold} {what}"


def _genes(table: TableRecords) -> dict[str, tuple[str, ...]]:
    return {record.fold: record.panel_genes for record in table.records if record.panel_genes}


def _newest_of_each_fold(records: Sequence[Record]) -> list[Record]:
    newest: dict[tuple[int, str], Record] = {}
    for record in sorted(records, key=_age):
        newest[record.seed, record.fold] = record
    return sorted(newest.values(), key=_order)


def _order(record: Record) -> tuple[int, str, str]:
    return record.seed, record.fold, record.key


def _age(record: Record) -> tuple[str, bool, str]:
    return str(record.provenance.get("finished_at") or ""), record.finished, record.key
