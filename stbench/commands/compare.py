"""Two methods on the same slides: the paired views, and their figures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from stbench import registry
from stbench.commands.held_results import held_dataset
from stbench.commands.leaderboard import with_card
from stbench.errors import UsageError
from stbench.names import file_name
from stbench.reporting.results.store import RunStore
from stbench.reporting.tables.paired_view import PairedView, paired_views


def compare(
    out: Path, first: str, second: str, dataset: str, pairs: str
) -> tuple[list[PairedView], list[str]]:
    """A view for each table that holds both methods, and a sentence for each damaged file.

    Raises UsageError where there are no Records under `out`, or none of one of the two.
    """
    records, problems = RunStore(out).records()
    first, second = (registry.canonical_name("method", name) for name in (first, second))
    dataset = held_dataset(records, registry.canonical_name("dataset", dataset), out, (first, second))
    views = paired_views(records, first, second, dataset, pairs)
    return [replace(view, table=with_card(view.table)) for view in views], problems


def draw(view: PairedView, folder: Path) -> list[Path]:
    """Draw a paired view below `folder`, as PNG and as SVG."""
    # Imported here because it loads matplotlib.
    from stbench.reporting.tables.paired_figure import save_paired_figure

    if folder.exists() and not folder.is_dir():
        raise UsageError(f"--to {folder} is a file; name a folder for the figures.")
    name = f"{file_name(view.first.method)}-{file_name(view.second.method)}-{view.table.id}"
    paths = [folder / f"{name}.{suffix}" for suffix in ("png", "svg")]
    for path in paths:
        save_paired_figure(view, path, view.table.synthetic)
    return paths
