"""Where a run's trials run: in this machine's workers, or on a cluster's nodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stbench.commands.crew import Crew, crew_for
from stbench.commands.expected import Expected
from stbench.commands.means import Means
from stbench.commands.printed_words import print_words
from stbench.errors import UsageError
from stbench.evaluation import provenance
from stbench.evaluation.devices import give_back_memory
from stbench.evaluation.plan import Job
from stbench.reporting.results.state_store import StateStore

if TYPE_CHECKING:
    from stbench.commands.listener import Listener
    from stbench.commands.prepared_run import PreparedRun
    from stbench.commands.shelf import Keep
    from stbench.evaluation.executors import Executor, Workbench
    from stbench.evaluation.materials import Materials


def executor_for(
    prepared: PreparedRun,
    pending: Sequence[Job],
    means: Means,
    expected: Expected,
    keep: Keep,
    sign: Path,
    listener: Listener,
) -> tuple[Executor, Workbench]:
    """What does the pending jobs' trials, and what it works with.

    sign  a file that lies there as long as this run lives, by which a node knows that it sees the results folder
    """
    if means.cluster is not None:
        listener.starting(expected, means.cluster.workers_in_all)
        return _on_cluster(prepared, means, keep, sign, listener)
    crew = crew_for(prepared.design, expected, means.as_asked, means.per_device)
    listener.starting(expected, crew.workers)
    workbench = _workbench(prepared, means, listener, crew.workers).on_device(crew.devices[0])
    materials = workbench.materials(listener.encoding)
    _choose_first_panel(materials, pending[0])
    materials.prepare([contestant.card for contestant in prepared.contestants])
    give_back_memory(crew.devices[0])
    return _executor(crew, materials, listener), workbench


def expected_workers(prepared: PreparedRun, means: Means, expected: Expected) -> int:
    """How many trials will run at a time."""
    if means.cluster is not None:
        return means.cluster.workers_in_all
    return means.as_asked or crew_for(prepared.design, expected, None, means.per_device).workers


def _on_cluster(
    prepared: PreparedRun, means: Means, keep: Keep, sign: Path, listener: Listener
) -> tuple[Executor, Workbench]:
    from stbench.commands.plan import store_plan
    from stbench.evaluation.cluster.executor import OnCluster

    store_plan(prepared)  # so that `status` tells how far it is, and `work` may help
    assert means.cluster is not None
    executor = OnCluster(
        means.cluster,
        folder=prepared.store.out / "parsl",
        sign=sign,
        keep=keep,
        cards=[contestant.card for contestant in prepared.contestants],
        on_embedded=listener.slide_made,
        warn=listener.warning,
    )
    return executor, _workbench(prepared, means, listener, means.cluster.workers_in_all)


def _workbench(prepared: PreparedRun, means: Means, listener: Listener, workers: int) -> Workbench:
    from stbench.commands.training_curves import LossKeepingBench
    from stbench.evaluation.trials.benches import SealedBench

    bench = means.bench(listener)
    if (workers > 1 or means.cluster) and isinstance(bench, SealedBench):
        bench = replace(bench, on_output=print_words)  # which another process can do
    design = prepared.design
    return LossKeepingBench(
        design=design,
        sources=prepared.sources,
        bench=bench,
        provenance=provenance_of(prepared, workers),
        unlabelled=prepared.card.unlabelled,
        tumour_labels=prepared.card.tumour_labels,
        made_from=prepared.plan.made_from,
        states=StateStore(prepared.store.out) if design.halving else None,
    )


def provenance_of(prepared: PreparedRun, workers: int) -> dict[str, Any]:
    """What all Records of a run keep of where and why they were made."""
    design = prepared.design
    return {
        **provenance.collect(design.device, design.threads, workers),
        "reference": prepared.asked.reference,
        "synthetic": prepared.card.generated,
        # What identities hold as hashes or in words: by it the page tells which command makes a row again.
        "asked": {"n_genes": design.n_genes, "grid": design.grid, "epochs": design.epochs},
    }


def _executor(crew: Crew, materials: Materials, listener: Listener) -> Executor:
    from stbench.evaluation.executors import OneByOne, Processes

    if crew.workers > 1:
        return Processes(crew.workers, listener.fitting, crew.devices)
    return OneByOne(materials, listener.fitting)


def _choose_first_panel(materials: Materials, job: Job) -> None:
    """Choose the first fold's panel now: one that cannot be is found before images are embedded for minutes."""
    try:
        _ = materials.fold(job.fold).panel
    except UsageError:
        raise
    except Exception:  # whatever else goes wrong becomes the failed Record of every job that meets it
        return
