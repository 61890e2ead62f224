"""Everything that was run as one page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from stbench import registry
from stbench.commands.sources import opened_folders
from stbench.reporting.report import Written, write_report


def report(out: Path, bundles: Sequence[Path], to: Path, reference: str, genes: Sequence[str]) -> Written:
    """Write the report on everything under `out` and in the bundles below `to`; see `write_report`."""
    with opened_folders(out, bundles) as folders:
        return write_report(folders, to, reference, genes, registry.method_sources())
