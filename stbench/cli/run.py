"""`stbench run`: methods on a dataset under the nested protocol."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stbench.cli.options import (
    DEFAULT_OUT,
    DataRoot,
    Dataset,
    Json,
    Out,
    method_settings,
    names,
    whole_numbers,
)
from stbench.errors import UsageError

if TYPE_CHECKING:
    from stbench.commands.run import PreparedRun

LONG_RUN = 200  # trials


def run(
    method: Annotated[
        str, typer.Option("--method", help="Method names, comma-separated; floors always join.")
    ],
    dataset: Dataset,
    data_root: DataRoot = None,
    out: Out = DEFAULT_OUT,
    split: Annotated[str, typer.Option(help="Outer split: slide, patient or slide-matched.")] = "slide",
    inner: Annotated[
        str,
        typer.Option(
            help="Inner loop: pairs (shared by pairs of patients or slides), all (literal), none, or K."
        ),
    ] = "pairs",
    tune_on: Annotated[
        str,
        typer.Option(
            "--tune-on", help="What the inner loop maximises: pcc, pcc-equal-depth or pcc-given-depth."
        ),
    ] = "pcc",
    halving: Annotated[
        bool, typer.Option("--halving", help="Settings that trail at 1/4 and 1/2 of the epochs stop there.")
    ] = False,
    grid: Annotated[str, typer.Option(help="Settings the inner loop tries: small or full.")] = "small",
    genes: Annotated[
        str, typer.Option(help="Panel: train-hvg, hvg-intersection, highest, svg or file:PATH.")
    ] = "train-hvg",
    n_genes: Annotated[int, typer.Option(help="Genes in a chosen panel.")] = 250,
    scale: Annotated[str, typer.Option(help="minmax, zscore or none.")] = "minmax",
    encoder: Annotated[
        str, typer.Option(help="Frozen image encoder; see `stbench encoders`.")
    ] = "efficientnet_lite0",
    patch_px: Annotated[
        int, typer.Option(help="Patch edge at full resolution, in pixels; white beyond the image's border.")
    ] = 224,
    patch_um: Annotated[
        float | None, typer.Option(help="Patch edge in microns, where the slide knows its pixel size.")
    ] = None,
    variant: Annotated[
        str, typer.Option(help="Preset of the method's settings: paper or released.")
    ] = "paper",
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="METHOD.KEY=VALUE, one hyperparameter; repeatable.")
    ] = None,
    min_counts: Annotated[
        int,
        typer.Option(
            help="Spots with fewer counts are left out of training slides altogether (attention, graphs, banks, "
            "batch statistics); on test slides they are predicted and not scored."
        ),
    ] = 100,
    epochs: Annotated[int | None, typer.Option(help="Upper bound on epochs.")] = None,
    seeds: Annotated[str, typer.Option(help="Seeds, comma-separated.")] = "0",
    slides: Annotated[str | None, typer.Option(help="Only these slides, comma-separated.")] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Trials at a time (default: as many as cores, where memory allows)."),
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads of each trial (default: $OMP_NUM_THREADS, else 1).")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    time_limit: Annotated[
        float | None, typer.Option("--time-limit", help="Minutes that one trial (one fit) may take.")
    ] = None,
    in_process: Annotated[
        bool, typer.Option("--in-process", help="Conduct trials in this process, for a debugger: not sealed.")
    ] = False,
    audit: Annotated[
        bool, typer.Option("--audit", help="Audit each method first, and mark its rows.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and stop.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Name the slides of every fold.")] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Do again what is already recorded.")
    ] = False,
    json: Json = False,
) -> None:
    """Evaluate methods under the leakage-safe nested leave-one-out protocol; floors always stand beside."""
    from stbench.commands import run as benchmark

    methods = names(method)
    if not methods:
        raise UsageError("--method names no method; see `stbench methods`.")
    design = {
        "split": split, "inner": inner, "grid": grid, "genes": genes, "n_genes": n_genes, "scale": scale,
        "encoder": encoder, "patch": benchmark.PatchSize(patch_px, patch_um), "min_counts": min_counts,
        "epochs": epochs, "device": device, "tune_on": tune_on, "halving": halving, "threads": threads,
    }  # fmt: skip
    settings = method_settings(set_ or [], methods)
    wanted = names(slides) if slides is not None else None
    prepared = benchmark.prepare(
        methods,
        dataset,
        data_root,
        out,
        design,
        variant,
        settings,
        whole_numbers(seeds, "--seeds"),
        wanted,
        overwrite,
    )
    if dry_run:
        _show_plan(prepared, workers, json, verbose)
        return
    if audit:
        _audit_first(prepared, dataset, data_root, wanted)
    _run_and_show(prepared, workers, json, time_limit, in_process)


def _audit_first(
    prepared: PreparedRun, dataset: str, data_root: Path | None, slides: list[str] | None
) -> None:
    """Audit every method of the run whose source was not audited yet; what the audit says stands at its rows."""
    from stbench.cli.consoles import messages, results_kept_apart
    from stbench.commands import audit as auditing

    design, out = prepared.design, prepared.store.out
    with results_kept_apart():
        for contestant in auditing.not_audited(prepared.contestants, out):
            messages().print(f"auditing {contestant.name}")
            result = auditing.audit_method(
                contestant.name,
                dataset,
                data_root,
                slides,
                design.split,
                design.genes,
                settings=dict(contestant.overrides),
                out=out,
            )
            messages().print(f"{contestant.name}: {result['verdict']}")


def _run_and_show(
    prepared: PreparedRun,
    workers: int | None,
    json: bool,
    time_limit: float | None,
    in_process: bool,
) -> None:
    from stbench.cli.consoles import messages, results_kept_apart
    from stbench.cli.progress import ProgressListener
    from stbench.commands import run as benchmark

    _announce(prepared)
    try:
        with results_kept_apart(), ProgressListener() as listener:
            prepared = benchmark.with_weights(prepared, listener)
            # Weights that cannot be had were named just now, once.
            warnings.filterwarnings("ignore", message="No ImageNet weights of")
            benchmark.execute(prepared, workers, listener, time_limit, in_process)
    except KeyboardInterrupt:
        pending = prepared.pending()
        left = sum(len(job.keys) for job in pending)
        messages().print(
            f"Stopped. {len(prepared.keys) - left} of {len(prepared.keys)} results are stored under "
            f"{prepared.store.out}, and {prepared.n_inner_stored} inner trials; run the same command again to go on."
        )
        sys.exit(130)
    records = prepared.records()
    _show_results(prepared, records, json)
    if any(not record.finished for record in records):
        sys.exit(1)


def _announce(prepared: PreparedRun) -> None:
    """Say before the work starts what will be done, what is capped and what is missing."""
    from stbench.cli.consoles import messages
    from stbench.commands.dry_run import cannot_be_fitted, trials_with

    console, plan, card = messages(), prepared.plan, prepared.card
    if card.generated:
        console.print(
            f"{prepared.design.dataset} is synthetic: it shows that the pipeline works, nothing about tissue."
        )
    if prepared.missing:
        listed = ", ".join(prepared.missing)
        console.print(f"Slides not complete on disk and left out: {listed}.")
    pending = prepared.pending()
    to_do = len(prepared.trials_to_do(pending)) + sum(len(job.keys) for job in pending)
    console.print(
        f"{len(plan.table.slides)} slides, {len(plan.folds)} outer folds by {prepared.design.split}, "
        f"inner {prepared.design.inner}: {to_do} trials to do of {plan.n_trials}."
    )
    caps = [
        f"at most {prepared.design.epochs} epochs" if prepared.design.epochs is not None else "",
        f"at most {prepared.design.max_settings} settings a method" if prepared.design.max_settings else "",
    ]
    if any(caps):
        console.print(f"Bounds of this run: {' and '.join(filter(None, caps))}.")
    if to_do > LONG_RUN and prepared.design.inner == "all":
        fewer = trials_with(prepared, inner="pairs")
        console.print(f"With --inner pairs it would be {fewer} trials instead of {plan.n_trials}.")
    for sentence in cannot_be_fitted(prepared):
        console.print(sentence)
    for note in sorted({job.note for job in plan.jobs if job.note}):
        folds = list(dict.fromkeys(job.fold.name for job in plan.jobs if job.note == note))
        where = "" if len(folds) == len(plan.folds) else f" (fold {', '.join(folds)})"
        console.print(f"Note: {note}{where}.")


def _show_plan(prepared: PreparedRun, workers: int | None, json: bool, verbose: bool) -> None:
    from stbench.cli.dry_run import print_plan
    from stbench.cli.options import print_json
    from stbench.commands import run as benchmark
    from stbench.commands.dry_run import plan_of

    benchmark.check_values(prepared.pending())
    if json:
        print_json(plan_of(prepared, workers))
    else:
        _announce(prepared)
        print_plan(plan_of(prepared, workers), verbose)


def _show_results(prepared: PreparedRun, records: list, json: bool) -> None:
    from stbench.cli.consoles import messages, output
    from stbench.cli.debugging import debugging
    from stbench.commands.leaderboard import tables_of
    from stbench.names import cleaned
    from stbench.reporting.tables import formats
    from stbench.reporting.tables.columns import LONGEST_REASON
    from stbench.reporting.tables.terminal import LeaderboardView

    tables = tables_of(records, prepared.store.out)
    if json:
        print(formats.to_json(tables), end="")
        return
    output().print(LeaderboardView(tables))
    for record in records:
        if not record.finished:
            messages().print(
                f"failed: {record.row.method}, fold {record.fold}, seed {record.seed}: "
                f"{cleaned(record.failure or '', LONGEST_REASON)}"
            )
            if debugging():
                for line in record.trace.splitlines():
                    messages().print(f"    {line}")
    mlflow = prepared.where_mlflow_is()
    messages().print(
        f"Records and predictions: {prepared.store.out}.{f' MLflow: {mlflow}' if mlflow else ''}"
    )
