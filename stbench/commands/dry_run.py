"""What a prepared run will be before it starts: its trials, its time, what is cached, what cannot be fitted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stbench.commands.expected import expected_seconds
from stbench.commands.known_slides import warnings_of
from stbench.commands.means import Means
from stbench.commands.prepared_run import PreparedRun
from stbench.commands.slide_sizes import spots_of
from stbench.commands.where import expected_workers
from stbench.evaluation.plan import Job, inner_trials
from stbench.preprocess.encoders import embeddings_cached


def plan_of(prepared: PreparedRun, means: Means, caches: bool = True) -> dict[str, Any]:
    """The plan as plain values.

    caches  whether to see which slides' embeddings are cached, for which each slide is read
    """
    pending, design, plan = prepared.pending(), prepared.design, prepared.plan
    to_do = prepared.trials_to_do(pending)
    expected = expected_seconds(prepared, pending)
    n_workers = expected_workers(prepared, means, expected)
    return {
        "dataset": design.dataset,
        "encoder": design.encoder,
        "slides": list(plan.table.slides),
        "missing": dict(prepared.missing),
        "without_expression": [slide.id for slide in prepared.unmeasured],
        "warnings": warnings_of(prepared.sources, design.patch.microns is None),
        "folds": [{"name": f.name, "train": list(f.train), "test": list(f.test)} for f in plan.folds],
        "trials": plan.n_trials,
        "trials_to_do": len(to_do) + sum(len(job.keys) for job in pending),
        "methods": _by_method(plan.jobs, expected.by_method),
        "workers": n_workers,
        "estimated_seconds": None if expected.unknown else expected.between(n_workers)[0],
        "estimated_at_most_seconds": None if expected.unknown else expected.between(n_workers)[1],
        "not_estimated": expected.unknown,
        "disk_mb": _disk_mb(prepared, pending, len(to_do)),
        "embeddings_cached": _embedded(prepared) if caches else None,
    }


def _embedded(prepared: PreparedRun) -> list[str]:
    encoder, patch = prepared.design.encoder, prepared.design.patch
    return [source.id for source in prepared.sources if embeddings_cached(source.read(), encoder, patch)]


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


def _disk_mb(prepared: PreparedRun, pending: Sequence[Job], n_inner: int) -> float:
    """What results will take: predictions of four bytes a spot and gene, and a few kilobytes a trial."""
    spots = spots_of(prepared.sources, prepared.card)
    n_spots = sum(spots[name] * len(job.keys) for job in pending for name in job.fold.test)
    return 4 * n_spots * prepared.design.n_genes / 1e6 + 0.01 * n_inner


def _by_method(jobs: Sequence[Job], seconds: Any) -> list[dict[str, Any]]:
    """Each row's trials, and its method's expected seconds for one worker and what they rest on."""
    of_row: dict[str, list[Job]] = {}
    for job in jobs:
        of_row.setdefault(" ".join(filter(None, (job.row.method, job.row.variant))), []).append(job)
    found = []
    for name, of_one in of_row.items():
        expected, basis = seconds.get(of_one[0].row.method, (None, ""))
        refits = sum(len(job.keys) for job in of_one)
        found.append(
            {
                "row": name,
                "method": of_one[0].row.method,
                "inner_trials": len(inner_trials(of_one)),
                "refits": refits,
                "estimated_seconds_of_method": expected,
                "estimated_by": basis,
            }
        )
    return found
