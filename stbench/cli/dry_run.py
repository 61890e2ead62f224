"""How a dry run shows its plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stbench.commands.run import PreparedRun


def plan_as_json(prepared: PreparedRun) -> dict[str, Any]:
    """The plan as plain values."""
    from stbench.commands.run import estimate_seconds

    pending = prepared.pending()
    return {
        "dataset": prepared.design.dataset,
        "slides": list(prepared.plan.table.slides),
        "missing": dict(prepared.missing),
        "folds": [
            {"name": f.name, "train": list(f.train), "test": list(f.test)} for f in prepared.plan.folds
        ],
        "fits": prepared.plan.n_fits,
        "fits_to_do": sum(job.n_fits for job in pending),
        "fits_by_method": _fits_by_method(prepared),
        "estimated_seconds": estimate_seconds(prepared, pending),
        "embeddings_cached": _cached(prepared),
    }


def print_plan(prepared: PreparedRun) -> None:
    """Folds, fits per method, caches and, once a fit was timed, an estimate."""
    from rich.table import Table

    from stbench.cli.consoles import output

    plan = plan_as_json(prepared)
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


def _fits_by_method(prepared: PreparedRun) -> dict[str, int]:
    fits: dict[str, int] = {}
    for job in prepared.plan.jobs:
        name = " ".join(filter(None, (job.row.method, job.row.variant)))
        fits[name] = fits.get(name, 0) + job.n_fits
    return fits


def _cached(prepared: PreparedRun) -> list[str]:
    """Slides whose embeddings are in the cache already."""
    from stbench.preprocess.encoders import embeddings_cached

    design = prepared.design
    return [s.id for s in prepared.sources if embeddings_cached(s.read(), design.encoder, design.patch)]
