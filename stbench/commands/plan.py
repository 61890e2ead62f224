"""Writing a run's plan down, for any number of machines that share a folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from stbench.commands.asked import Asked
from stbench.commands.dry_run import plan_of
from stbench.commands.expected import Expected, expected_seconds
from stbench.commands.listener import Listener
from stbench.commands.means import Means
from stbench.commands.prepared_run import PreparedRun
from stbench.commands.several_encoders import all_with_weights, prepare_each
from stbench.evaluation.plan import Job, inner_trials
from stbench.preprocess.encoders import encoder_identity
from stbench.preprocess.weights import weights_at_hand
from stbench.reporting.results.plan_files import PlanFiles, PlannedRow, StoredPlan


def plan_elsewhere(asked: Asked, out: Path, listener: Listener | None = None) -> list[PreparedRun]:
    """The run of each encoder that is asked for, prepared for machines that may have devices which this one lacks."""
    from stbench.evaluation.trials.launcher import station

    station(light=False)  # networks are asked for their epochs; the libraries that takes load meanwhile
    return all_with_weights(prepare_each(asked, out, elsewhere=True), listener, warm_up=False)


def store_plan(prepared: PreparedRun) -> Path:
    """Write the plan below its results folder, where `work` and `status` find it."""
    plan = StoredPlan(
        name=prepared.asked.name,
        dataset=prepared.design.dataset,
        asked=pinned(prepared).model_dump(mode="json"),
        made_from=made_from(prepared),
        rows=tuple(_rows(prepared)),
    )
    return PlanFiles(prepared.store.out).save(plan)


def planned(prepared: PreparedRun) -> dict[str, Any]:
    """The plan as plain values, for one worker: nobody knows how many there will be."""
    return plan_of(prepared, Means(workers=1), caches=False)


def pinned(prepared: PreparedRun) -> Asked:
    """What was asked, with all that depends on this machine or on today written out."""
    asked, genes = prepared.asked, prepared.asked.genes
    if genes.startswith("file:"):
        genes = f"file:{Path(genes[5:]).absolute()}"
    return asked.model_copy(
        update={
            "slides": tuple(source.id for source in prepared.sources),
            "data_root": asked.data_root.absolute() if asked.data_root else None,
            "genes": genes,
            "threads": prepared.design.threads,
            "device": prepared.design.device,
        }
    )


def made_from(prepared: PreparedRun) -> dict[str, Any]:
    """What the plan's keys depend on besides what was asked, as plain values by what people call them."""
    contestants = {contestant.name: contestant for contestant in prepared.contestants}
    pretrained = sorted({name for c in contestants.values() for name in c.card.pretrained})
    made = prepared.plan.made_from
    return {
        "stbench": made.harness,
        "dataset": made.dataset,
        "slides": dict(made.slides),
        "methods": {name: contestant.source for name, contestant in contestants.items()},
        "weights": weights_at_hand(pretrained),
        "encoder": encoder_identity(prepared.design.encoder),
    }


def _rows(prepared: PreparedRun) -> list[PlannedRow]:
    """All work of each row, whatever of it is done already."""
    jobs = prepared.plan.jobs
    expected = expected_seconds(replace(prepared, overwrite=True), jobs)
    of_row: dict[tuple[str, str], list[Job]] = {}
    for job in jobs:
        of_row.setdefault((job.row.method, job.row.variant), []).append(job)
    return [_row(*row, of_one, expected) for row, of_one in of_row.items()]


def _row(method: str, variant: str, jobs: list[Job], expected: Expected) -> PlannedRow:
    refits = [key for job in jobs for key in job.keys.values()]
    seconds = expected.seconds
    return PlannedRow(
        method=method,
        variant=variant,
        basis=expected.by_method[method][1],
        trials={key: round(seconds[key], 2) for key in inner_trials(jobs)},
        refits={key: round(seconds[key], 2) for key in refits},
    )
