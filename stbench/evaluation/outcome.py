"""What a Record says besides its scores: whose it is, what it cost, what a reader must know, why it failed."""

from __future__ import annotations

import time
import traceback
from collections.abc import Mapping, Sequence
from typing import Any

from stbench.contract import TrainingState
from stbench.errors import MethodError
from stbench.evaluation.plan import Job
from stbench.evaluation.trials.launcher import TrialFailed
from stbench.evaluation.trials.trial import TrialFacts
from stbench.evaluation.tuning import Choice
from stbench.preprocess.genes import origin
from stbench.record import Record


def identity(job: Job, seed: int) -> dict[str, Any]:
    """The fields of a Record that are known before anything is fitted."""
    return {
        "key": job.keys[seed],
        "table": job.table,
        "row": job.row,
        "kind": "ablation" if job.ablation else job.contestant.card.kind,
        "ablation": job.ablation,
        "seed": seed,
        "fold": job.fold.name,
        "n_folds": job.n_folds,
        "train_slides": job.fold.train,
        "test_slides": job.fold.test,
    }


def failed_record(
    job: Job, seed: int, error: Exception | str, provenance: Mapping[str, Any], where: str = ""
) -> Record:
    """The Record of a job that did not come to an end, with the reason and, where there is one, the traceback."""
    leaky, note = origin(job.table.genes)
    return Record(
        **identity(job, seed),
        failure=where + (error if isinstance(error, str) else reason_of(error)),
        trace="" if isinstance(error, str) else trace_of(error),
        leaky=leaky,
        panel_note=note,
        provenance=job_provenance(job, provenance),
    )


def reason_of(error: Exception) -> str:
    """One line that a table can hold: the error's kind, unless it is ours and speaks for itself, and its words."""
    words = " ".join(str(error).split()) or "no message"
    return words if isinstance(error, MethodError) else f"{type(error).__name__}: {words}"


def trace_of(error: Exception) -> str:
    """Where it went wrong: in the child, as that told it, else here."""
    if isinstance(error, TrialFailed):
        return error.trace
    return "".join(traceback.format_exception(error))


def cost_of(facts: TrialFacts) -> dict[str, float | None]:
    """Seconds, memory in MB, parameters, epochs and steps of a trial that predicted once it was fitted."""
    fit, predict = facts.fit, facts.predict or facts.fit
    on_card = [cost.peak_gpu_memory_mb for cost in (fit, predict) if cost.peak_gpu_memory_mb is not None]
    return {
        "fit_seconds": fit.seconds,
        "predict_seconds": predict.seconds,
        "peak_memory_mb": max(fit.peak_memory_mb, predict.peak_memory_mb),
        "peak_gpu_memory_mb": max(on_card, default=None),
        "parameters_trainable": facts.parameters_trainable,
        "parameters_total": facts.parameters_total,
        "flops_forward": facts.flops_forward,
        "epochs": facts.epochs,
        "steps": facts.steps,
    }


def cost_of_inner(facts: TrialFacts, resumed: TrainingState | None = None) -> dict[str, float | None]:
    """Seconds, memory in MB, epochs and steps of a trial that predicted while it trained; of a stage, its own."""
    before = resumed.plain if resumed else {}
    return {
        "seconds": facts.fit.seconds,
        "peak_memory_mb": facts.fit.peak_memory_mb,
        "peak_gpu_memory_mb": facts.fit.peak_gpu_memory_mb,
        "epochs": facts.epochs - _whole(before.get("epochs")),
        "steps": facts.steps - _whole(before.get("steps")),
    }


def _whole(value: Any) -> int:
    """A number that a child may have sent, 0 for what is none."""
    return value if type(value) is int else 0


def notes_of(
    job: Job,
    choice: Choice,
    own: Sequence[str],
    unmeasured: Mapping[str, int],
    filled: Mapping[str, int],
) -> tuple[str, ...]:
    """What a reader of the result must know of the fit, the inner loop, and what test slides lack.

    own         what the method's report says
    unmeasured  test slide -> panel genes left out
    filled      test slide -> spots whose largest patch reaches beyond the image
    """
    notes = [*own, job.note, *choice.notes]
    if choice.tuning and choice.tuning.at_cap:
        notes.append("inner loop chose the last epoch it was allowed")
    if job.contestant.card.kind == "method" and not choice.tuning and not job.ablation:
        notes.append("published settings, which their authors may have tuned on these very slides")
    notes += [
        f"{n} panel genes are not measured on {name} and left out" for name, n in unmeasured.items() if n
    ]
    notes += [
        f"{n} spots of {name} lie at the image's edge: what their patches lack is white"
        for name, n in filled.items()
        if n
    ]
    return tuple(filter(None, notes))


def job_provenance(job: Job, provenance: Mapping[str, Any]) -> dict[str, Any]:
    """The provenance of a job's Record: whether its method was published, as its card says, and the time of day."""
    return stamped({**provenance, "has_publication": bool(job.contestant.card.paper)})


def stamped(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """The provenance with the time of day, UTC."""
    return {**provenance, "finished_at": time_of_day()}


def time_of_day() -> str:
    """Now, UTC, to the millisecond."""
    now = time.time_ns() // 1_000_000
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(now // 1000))}.{now % 1000:03}Z"
