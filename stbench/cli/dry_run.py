"""How a dry run shows its plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stbench.commands.run import PreparedRun


def print_plan(prepared: PreparedRun) -> None:
    """Folds, fits per method, caches and, once a fit was timed, an estimate."""
    from rich.table import Table

    from stbench.cli.consoles import output
    from stbench.commands.dry_run import plan_of

    plan = plan_of(prepared)
    console = output()
    folds = Table("fold", "tests on", "trains on", title="Outer folds", title_justify="left")
    for fold in plan["folds"]:
        folds.add_row(fold["name"], ", ".join(fold["test"]), ", ".join(fold["train"]))
    console.print(folds)
    fits = Table("method", "fits", title="Fits", title_justify="left")
    for name, number in plan["fits_by_method"].items():
        fits.add_row(name, str(number))
    fits.add_row("all", str(plan["fits"]))
    console.print(fits)
    cached = plan["embeddings_cached"]
    console.print(
        f"Embeddings cached for {len(cached)} of {len(plan['slides'])} slides: {', '.join(cached) or 'none'}."
    )
    if plan["estimated_seconds"] is not None:
        console.print(f"About {plan['estimated_seconds'] / 60:.0f} minutes by the fits recorded so far.")
