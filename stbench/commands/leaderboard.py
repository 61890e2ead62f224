"""Tables of what was run, from stored Records alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast, get_args

from stbench import registry
from stbench.commands.joining import joined_records
from stbench.commands.sources import opened_folders
from stbench.commands.suite_tables import with_suites
from stbench.errors import UsageError
from stbench.files import write_text
from stbench.record import Record
from stbench.reporting.results.audits import audits_below
from stbench.reporting.tables.leaderboard import (
    SortScore,
    Table,
    build_tables,
)

if TYPE_CHECKING:
    import pandas


class Board(NamedTuple):
    """The tables of some folders; `problems` has a sentence for each file that is no readable Record."""

    tables: list[Table]
    problems: list[str]


def read_board(
    out: Path, bundles: Sequence[Path] = (), sort: str = "pcc", reference: str | None = None
) -> Board:
    """The tables of everything under `out` and in the bundles; UsageError where there are no Records."""
    if sort not in get_args(SortScore):
        raise UsageError(f"--sort {sort} is not one of {', '.join(get_args(SortScore))}.")
    with opened_folders(out, bundles) as folders:
        records, problems = joined_records(folders)
        if not records:
            raise UsageError(_nothing_under(out, problems))
        places = [folder for _, folder in folders]
        return Board(tables_below(records, places, cast(SortScore, sort), reference), problems)


def tables_below(
    records: Iterable[Record],
    folders: Sequence[Path],
    sort: SortScore = "pcc",
    reference: str | None = None,
) -> list[Table]:
    """The tables of Records with what lies beside them in their folders: verdicts of audits, frozen suites."""
    tables = build_tables(records, sort, reference, registry.method_sources(), audits_below(folders))
    return with_suites(map(with_card, tables), folders)


def with_card(table: Table) -> Table:
    """The table, known as synthetic where the data set's card says so: Records of older versions do not."""
    return replace(table, synthetic=table.synthetic or registry.is_generated(table.identity.dataset))


def tables_of(records: Iterable[Record], out: Path | None = None) -> list[Table]:
    """The tables of these Records, rows of methods that changed since marked; with the audits kept below `out`."""
    return tables_below(records, [out] if out else [])


def leaderboard(records: Iterable[Record]) -> pandas.DataFrame:
    """One row per method and table, names and scores first; printed, it shows those."""
    from stbench.reporting.tables.frame import to_dataframe  # loads pandas

    return to_dataframe(tables_of(records))


def save_board(to: Path, text: str) -> None:
    """Write a formatted table to a file, whole or not at all."""
    write_text(to, text)


def _nothing_under(out: Path, problems: Sequence[str]) -> str:
    if problems:
        return f"None of the {len(problems)} Records under {out} can be read; the first: {problems[0]}"
    return f"There are no Records under {out}. Run a method first: stbench run --method ridge --dataset demo"
