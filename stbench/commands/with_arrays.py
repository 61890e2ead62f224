"""The tables of one data set with the predictions and truths behind them, from a results folder and bundles."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from stbench.commands.held_results import held_dataset
from stbench.commands.joining import joined_records
from stbench.commands.leaderboard import tables_below
from stbench.commands.sources import opened_folders
from stbench.errors import UsageError
from stbench.record import PROTOCOL_VERSION
from stbench.reporting.report.stored import StoredArrays
from stbench.reporting.tables.leaderboard import Table


class TablesWithArrays(NamedTuple):
    """Tables of today's protocol; `problems` has a sentence for each file that could not be used."""

    tables: list[Table]
    stored: StoredArrays
    problems: list[str]


@contextlib.contextmanager
def tables_with_arrays(dataset: str, out: Path, bundles: Sequence[Path]) -> Iterator[TablesWithArrays]:
    """The tables of a data set, their arrays readable as long as the context lasts.

    UsageError where there are no Records, or none of that data set.
    """
    with opened_folders(out, bundles) as folders:
        records, problems = joined_records(folders)
        name = held_dataset(records, dataset, out)
        wanted = [record for record in records if record.table.dataset == name]
        today = [record for record in wanted if record.table.protocol == PROTOCOL_VERSION]
        if not today:
            raise UsageError(
                f"All results of {name} under {out} were scored by older definitions; run them again to compare."
            )
        places = [folder for _, folder in folders]
        yield TablesWithArrays(tables_below(today, places), StoredArrays(places), problems)
