"""Everything behind a table in one file."""

from __future__ import annotations

from pathlib import Path

from stbench.errors import UsageError
from stbench.reporting.results.bundles import write_bundle


def bundle(out: Path, to: Path) -> int:
    """Pack what lies under `out` into the archive `to`, and return how many Records it holds."""
    if to.is_dir():
        raise UsageError(f"--to {to} is a folder; name a file, {to / 'results.zip'} for instance.")
    return write_bundle(out, to)
