"""A method with one part changed, at the settings and epochs of the full method: what is shown is the part.

No new search: an ablation that was tuned anew would be compared with a method that had another search.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from stbench.contract import Ablation
from stbench.evaluation.plan import Job
from stbench.files import hash_value
from stbench.record import Record


def ablated(
    job: Job, ablation: Ablation, full: Mapping[int, Record], encoder_differs: bool = False
) -> Job | None:
    """The job of an ablation on the fold of the full method's job; None where it changes nothing there.

    full             seed -> the full method's finished Record of this fold
    encoder_differs  the job is of another encoder than those Records, which is what the ablation changes
    """
    if not full:
        return None
    chosen = full[min(full)]
    # Its epochs are a bound of their own.
    before = {name: value for name, value in chosen.settings.items() if name != "epochs"}
    settings = {**before, **ablation.settings}
    if settings == before and not encoder_differs:
        return None
    row = replace(job.row, overrides=_overrides(job, ablation), budget=_budget(job))
    epochs = _epochs(chosen, job)
    shared = ["ablation", asdict(row), settings, epochs, ablation.table, ablation.name]
    return replace(
        job,
        settings=(settings,),
        judgements=(),
        keys={seed: hash_value([*shared, job.keys[seed], full[seed].key]) for seed in sorted(full)},
        row=row,
        epochs=epochs,
        note="settings and epochs that the full method's inner loop chose" if chosen.tuning else job.note,
        ablation=f"{ablation.table}: {ablation.name}",
    )


def full_records(records: Sequence[Record], job: Job) -> dict[int, Record]:
    """Seed -> the finished Record of the full method's job."""
    by_key = {record.key: record for record in records if record.finished}
    return {seed: by_key[key] for seed, key in job.keys.items() if key in by_key}


def _epochs(record: Record, job: Job) -> int | None:
    """The epochs of the full method's refit."""
    tuned = record.tuning.get("epochs") if record.tuning else None
    return job.epochs if tuned is None else int(tuned)


def _overrides(job: Job, ablation: Ablation) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted({**dict(job.row.overrides), **ablation.settings}.items()))


def _budget(job: Job) -> str:
    return ", ".join(filter(None, (job.row.budget, "chosen by the full method")))
