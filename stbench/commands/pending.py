"""Doing what a prepared run lacks: inner trials and refits, from as many workers as there is work and room for."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from stbench.commands.expected import expected_seconds
from stbench.commands.printed_words import print_words
from stbench.commands.shelf import Shared
from stbench.errors import StbenchError, StorageError, UsageError
from stbench.evaluation import provenance
from stbench.evaluation.curves import Curves
from stbench.evaluation.plan import Job, inner_trials
from stbench.evaluation.threads import cores
from stbench.record import Record
from stbench.reporting.results.claims import Claims
from stbench.reporting.results.state_store import StateStore

if TYPE_CHECKING:
    from stbench.commands.run import Listener, PreparedRun
    from stbench.evaluation.agenda import Result
    from stbench.evaluation.executors import Executor, Workbench
    from stbench.evaluation.materials import Materials
    from stbench.evaluation.trials.benches import Bench

# Below this much expected work for each, a further worker's start costs more than it brings.
_SECONDS_A_WORKER = 20.0


def do_pending(
    prepared: PreparedRun, pending: Sequence[Job], bench: Bench, workers: int | None, listener: Listener
) -> Iterator[Record]:
    """The Records of pending jobs as they come, each stored, and the curves behind them.

    Work that another run on the same folder has claimed is left to it.
    """
    from stbench.evaluation.agenda import Agenda

    expected = expected_seconds(prepared, pending)
    n_workers = workers or workers_for(expected.total, expected.peak_memory_mb, prepared.design.threads)
    listener.starting(expected, n_workers)
    known = {} if prepared.overwrite else _known_curves(prepared, pending, listener)
    with Claims(prepared.store.out) as claims:
        shelf = None if prepared.overwrite else Shared(prepared, claims)
        agenda = Agenda(pending, known, prepared.design.tune_on, prepared.patients, shelf)
        workbench = _workbench(prepared, bench, n_workers)
        materials = workbench.materials(listener.encoding)
        _choose_first_panel(materials, pending[0])
        materials.prepare([contestant.card for contestant in prepared.contestants])
        executor = _executor(n_workers, materials, listener)
        done = len(prepared.keys) - sum(len(job.keys) for job in pending)
        before = {trial.key: trial.before for trial in inner_trials(pending).values() if trial.before}
        states = StateStore(prepared.store.out)
        # Closed at once when interrupted, so that no worker process is waited for.
        with contextlib.closing(executor.map(workbench, agenda)) as results:
            for result in results:
                _keep(prepared, result)
                claims.release(result.key)
                states.drop(before[key] for key in [result.key] if key in before)
                if isinstance(result, Record):
                    done += 1
                    listener.recorded(result, done, len(prepared.keys))
                    yield result
                else:
                    listener.tried(result)
        states.drop(before.values())


def _keep(prepared: PreparedRun, result: Result) -> None:
    """Store a result; one that another run has stored already is as good."""
    if isinstance(result, Curves):
        prepared.trials.save(result.key, result.finished, result.to_plain())
    elif result.predictions or not result.finished:
        prepared.store.save(result)


def _known_curves(prepared: PreparedRun, pending: Sequence[Job], listener: Listener) -> dict[str, Curves]:
    """The curves of inner trials that lie there finished; a damaged one is named, and done again."""
    finished, known = prepared.trials.names()[0], {}
    for key in {trial.key for job in pending for trial in job.trials} & finished:
        try:
            known[key] = Curves.from_plain(prepared.trials.load(key))
        except StorageError as error:
            listener.warning(str(error))
        except StbenchError as error:
            listener.warning(f"Inner trial {key}: {error} It is done again.")
    return known


def _workbench(prepared: PreparedRun, bench: Bench, workers: int) -> Workbench:
    from stbench.evaluation.executors import Workbench
    from stbench.evaluation.trials.benches import SealedBench

    if workers > 1 and isinstance(bench, SealedBench):
        bench = replace(bench, on_output=print_words)  # which another process can do
    design = prepared.design
    return Workbench(
        design=design,
        sources=prepared.sources,
        bench=bench,
        provenance=provenance.collect(design.device, design.threads, workers),
        unlabelled=prepared.card.unlabelled,
        tumour_labels=prepared.card.tumour_labels,
        made_from=prepared.plan.made_from,
        states=StateStore(prepared.store.out) if design.halving else None,
    )


def _executor(workers: int, materials: Materials, listener: Listener) -> Executor:
    from stbench.evaluation.executors import OneByOne, Processes

    return Processes(workers, listener.fitting) if workers > 1 else OneByOne(materials, listener.fitting)


def workers_for(seconds: float, peak_memory_mb: float, threads: int = 1) -> int:
    """Workers for so much expected work: as many as cores, where memory holds as many of the largest trial."""
    import psutil

    room = int(psutil.virtual_memory().available / 1e6 / max(peak_memory_mb, 1.0))
    return max(1, min(cores() // threads, room, int(seconds / _SECONDS_A_WORKER)))


def _choose_first_panel(materials: Materials, job: Job) -> None:
    """Choose the first fold's panel now: one that cannot be is found before images are embedded for minutes."""
    try:
        _ = materials.fold(job.fold).panel
    except UsageError:
        raise
    except Exception:  # whatever else goes wrong becomes the failed Record of every job that meets it
        return
