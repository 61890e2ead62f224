"""What a prepared run will be before it starts: its fits, its time, what is cached, what cannot be fitted."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from stbench.commands.run import PreparedRun
from stbench.evaluation.plan import Job, make_plan
from stbench.preprocess.encoders import embeddings_cached


def plan_of(prepared: PreparedRun) -> dict[str, Any]:
    """The plan as plain values."""
    pending, design, plan = prepared.pending(), prepared.design, prepared.plan
    return {
        "dataset": design.dataset,
        "slides": list(plan.table.slides),
        "missing": dict(prepared.missing),
        "folds": [{"name": f.name, "train": list(f.train), "test": list(f.test)} for f in plan.folds],
        "fits": plan.n_fits,
        "fits_to_do": sum(job.n_fits for job in pending),
        "fits_by_method": _fits_by_method(plan.jobs),
        "estimated_seconds": estimate_seconds(prepared, pending),
        "embeddings_cached": [
            s.id for s in prepared.sources if embeddings_cached(s.read(), design.encoder, design.patch)
        ],
    }


def fits_with_three(prepared: PreparedRun) -> int:
    """How many fits the same run would be with an inner loop of three folds."""
    design = dataclasses.replace(prepared.design, inner="3")
    seeds = sorted({seed for job in prepared.plan.jobs for seed in job.keys})
    return make_plan(design, "", prepared.sources, prepared.groups, prepared.contestants, seeds).n_fits


def cannot_be_fitted(prepared: PreparedRun) -> list[str]:
    """A sentence for each method whose card asks for more training slides than some folds have."""
    folds: dict[tuple[str, int], list[str]] = {}
    for job in prepared.plan.jobs:
        least = job.contestant.card.needs.min_train_slides
        if len(job.fold.train) < least:
            folds.setdefault((job.row.method, least), []).append(job.fold.name)
    return [
        f"{method} needs {least} training slides and cannot be fitted on: {', '.join(dict.fromkeys(lacking))}."
        for (method, least), lacking in folds.items()
    ]


def estimate_seconds(prepared: PreparedRun, pending: Sequence[Job]) -> float | None:
    """Seconds that the pending fits would take by the mean of fits recorded under this --out, None without any."""
    seconds: dict[str, list[float]] = {}
    for record in prepared.store.records()[0]:
        if record.finished and record.cost.get("fit_seconds") is not None:
            seconds.setdefault(record.row.method, []).append(float(record.cost["fit_seconds"] or 0.0))
    if not any(job.row.method in seconds for job in pending):
        return None
    return sum(
        job.n_fits * sum(seconds[job.row.method]) / len(seconds[job.row.method])
        for job in pending
        if job.row.method in seconds
    )


def _fits_by_method(jobs: Sequence[Job]) -> dict[str, int]:
    fits: dict[str, int] = {}
    for job in jobs:
        name = " ".join(filter(None, (job.row.method, job.row.variant)))
        fits[name] = fits.get(name, 0) + job.n_fits
    return fits
