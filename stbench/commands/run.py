"""run() for Python users: ties evaluation and reporting together.

A run has two halves. `prepare` of preparing.py reads names and hashes only and makes the plan; `execute` does what the
store does not hold yet, writes each Record the moment it exists, and then logs to MLflow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stbench.commands.asked import DEFAULT_PRESET, DEFAULT_REFERENCE, asked_for
from stbench.commands.listener import Listener
from stbench.commands.means import Means, cluster_of
from stbench.commands.prepared_run import PreparedRun
from stbench.commands.preparing import DEFAULT_OUT, check_values
from stbench.commands.suite_tables import keep_suite
from stbench.record import Record
from stbench.reporting.results.store import RunStore

if TYPE_CHECKING:
    from stbench.reporting.tables.leaderboard import Table


def run(
    methods: Sequence[str],
    dataset: str | None = None,
    *,
    suite: Path | str | None = None,
    data_root: Path | str | None = None,
    out: Path | str = DEFAULT_OUT,
    split: str = "slide",
    inner: str | int = "pairs",
    grid: str = "small",
    genes: str = "train-hvg",
    n_genes: int = 250,
    scale: str = "minmax",
    target: str = "logcpm",
    tune_on: str = "pcc",
    halving: bool = False,
    encoder: str | Sequence[str] = "efficientnet_lite0",
    patch_px: int = 224,
    patch_um: float | None = None,
    variant: str = DEFAULT_PRESET,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    min_counts: int = 100,
    epochs: int | None = None,
    seeds: Sequence[int] = (0,),
    slides: Sequence[str] | None = None,
    reference: str = DEFAULT_REFERENCE,
    bin_um: float | None = None,
    drop_outside: bool = False,
    um_per_px: float | None = None,
    workers: int | None = None,
    threads: int | None = None,
    device: str = "auto",
    per_device: int | None = None,
    overwrite: bool = False,
    time_limit: float | None = None,
    in_process: bool = False,
    cluster: Path | str | None = None,
    listener: Listener | None = None,
) -> list[Record]:
    """Evaluate methods on a dataset under the nested protocol and return the Records, old and new.

    Parameters are the options of `stbench run`; `settings` maps a method to hyperparameters given by hand. With a
    `suite`, whatever is given other than as its default may not contradict it.
    Floor methods join every run. Raises UsageError for unusable input; a method that fails leaves a failed Record.
    """
    given = {
        "dataset": dataset,
        "data_root": data_root,
        "split": split,
        "inner": str(inner),
        "grid": grid,
        "genes": genes,
        "n_genes": n_genes,
        "scale": scale,
        "target": target,
        "encoder": encoder if isinstance(encoder, str) else ",".join(encoder),
        "patch_px": patch_px,
        "patch_um": patch_um,
        "min_counts": min_counts,
        "epochs": epochs,
        "tune_on": tune_on,
        "halving": halving,
        "variant": variant,
        "settings": settings or {},
        "seeds": seeds,
        "slides": slides,
        "threads": threads,
        "device": device,
        "reference": reference,
        "bin_um": bin_um,
        "drop_outside": drop_outside,
        "um_per_px": um_per_px,
    }
    from stbench.commands.several_encoders import all_with_weights, prepare_each, records_of

    asked = asked_for(methods, suite, given)
    means = Means(workers, per_device, time_limit, in_process, cluster_of(cluster))
    means.check()
    runs = prepare_each(means.fitting(asked), out, overwrite, elsewhere=cluster is not None)
    runs = all_with_weights(runs, listener)
    for prepared in runs:
        execute(prepared, means, listener)
    return records_of(runs)


def execute(
    prepared: PreparedRun,
    means: Means | None = None,
    listener: Listener | None = None,
    tracked: bool = True,
) -> None:
    """Do what a prepared run lacks, store each result as it comes, and log what MLflow lacks.

    tracked  whether MLflow is told; of many processes at one run's work only one should
    """
    from stbench.reporting.mlflow.pace import PacedTracker

    listener, means = listener or Listener(), means or Means()
    means.check()
    pending = prepared.pending()
    prepared.store.check_writable()
    if prepared.asked.suite:
        keep_suite(prepared.store.out, prepared.asked.suite)
    if not means.in_process:
        check_values(pending, prepared.sources)
    tracker = PacedTracker(prepared.store, listener.warning) if tracked else None
    records = {record.key: record for record in _complete(prepared)} if tracked else {}
    if pending:
        from stbench.commands.pending import do_pending  # what it needs takes a second to load

        for record in do_pending(prepared, pending, means, listener):
            # The arrays lie in the store now.
            records[record.key] = replace(record, predictions={}, training={}, truths={})
            if tracker is not None:
                tracker.log_if_due(list(records.values()))
    if tracker is not None:
        tracker.log(list(records.values()), lambda: _tables_below(prepared.store))


def _complete(prepared: PreparedRun) -> list[Record]:
    """The Records that lie there, with the inner loop's curves also where a process died between the two."""
    records = prepared.records()
    if prepared.overwrite:  # all of them are made anew
        return records
    without = {
        r.key for r in records if r.finished and r.tuning.get("epochs") and "inner_pcc" not in r.curves
    }
    if not without:
        return records
    from stbench.commands.pending import with_curves

    jobs = {key: job for job in prepared.plan.jobs for key in job.keys.values()}
    return [with_curves(prepared, r, jobs[r.key]) if r.key in without else r for r in records]


def _tables_below(store: RunStore) -> list[Table]:
    """The tables of all that lies below a results folder, as `stbench leaderboard` shows them."""
    from stbench.commands.leaderboard import tables_of

    return tables_of(store.records()[0], store.out)
