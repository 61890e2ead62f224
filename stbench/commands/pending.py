"""Doing what a prepared run lacks, inner trials and refits, beside whoever else is at it on the same folder."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from stbench.commands.expected import expected_seconds
from stbench.commands.means import Means
from stbench.commands.shelf import Keep, Shared
from stbench.commands.where import executor_for
from stbench.evaluation.plan import Job, inner_trials
from stbench.record import Record
from stbench.reporting.results.claims import Claims
from stbench.reporting.results.state_store import StateStore

if TYPE_CHECKING:
    from stbench.commands.listener import Listener
    from stbench.commands.prepared_run import PreparedRun
    from stbench.evaluation.agenda import Found
    from stbench.evaluation.shelf import Result


def do_pending(
    prepared: PreparedRun, pending: Sequence[Job], means: Means, listener: Listener
) -> Iterator[Record]:
    """The Records of pending jobs as they come, each stored, and the curves behind them.

    Work that another run on the same folder has claimed is left to it.
    """
    from stbench.evaluation.agenda import Agenda

    expected, out = expected_seconds(prepared, pending), prepared.store.out
    before = {trial.key: trial.before for trial in inner_trials(pending).values() if trial.before}
    jobs = {key: job for job in pending for key in job.keys.values()}
    refits = set(jobs)
    keep, done = Keep(out, before), len(prepared.keys) - len(refits)
    with Claims(out) as claims:
        executor, workbench = executor_for(prepared, pending, means, expected, keep, claims.sign, listener)
        shelf = Shared(out, claims, refits, keep, listener.warning, anew=prepared.overwrite)
        agenda = Agenda(pending, {}, prepared.design.tune_on, prepared.patients, shelf)
        # Closed at once when interrupted, so that no worker process is waited for.
        with contextlib.closing(executor.map(workbench, agenda)) as results:
            for result in results:
                record = _told(result, shelf, refits, listener)
                if record is not None:
                    record = with_curves(prepared, record, jobs[record.key])
                    done += 1
                    listener.recorded(record, done, len(prepared.keys))
                    yield record
        StateStore(out).drop(before.values())


def with_curves(prepared: PreparedRun, record: Record, job: Job) -> Record:
    """The Record with its inner loop's curves, stored so: only here are the trials behind its choice known."""
    from stbench.commands.training_curves import with_inner_curves

    known = with_inner_curves(record, job, prepared.trials, prepared.patients)
    if known.curves != record.curves:
        prepared.store.add_curves(known)
    return known


def _told(result: Result | Found, shelf: Shared, refits: set[str], listener: Listener) -> Record | None:
    """The Record that came, from here or elsewhere; of any other result the listener hears."""
    from stbench.evaluation.agenda import Found

    if isinstance(result, Found):
        found = shelf.look(result.key) if result.key in refits else None
        if isinstance(found, Record):
            return found
        listener.found(result.key)
    elif isinstance(result, Record):
        return result
    else:
        listener.tried(result)
    return None
