"""Everything behind a table in one file."""

from __future__ import annotations

from pathlib import Path

from stbench.commands.joining import terms_of
from stbench.errors import UsageError
from stbench.reporting.results.bundles import write_bundle
from stbench.reporting.results.store import RunStore


def bundle(out: Path, to: Path, with_truth: bool = False) -> int:
    """Pack what lies under `out` into the archive `to`, and return how many Records it holds.

    with_truth   also the panel's counts, which are the data sets' own; their terms stand in the manifest either way
    """
    if to.is_dir():
        raise UsageError(f"--to {to} is a folder; name a file, {to / 'results.zip'} for instance.")
    records, _ = RunStore(out).records()
    return write_bundle(out, to, with_truth, terms_of(records))
