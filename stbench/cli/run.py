"""`stbench run`: methods on a dataset under the nested protocol."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stbench.cli.asked import Options, with_options
from stbench.cli.options import DEFAULT_OUT, Json, Out, PerDevice, TimeLimit, Workers, names

if TYPE_CHECKING:
    from stbench.commands.asked import Asked
    from stbench.commands.means import Means
    from stbench.commands.prepared_run import PreparedRun

LONG_RUN = 200  # trials
_MOST_NAMES = 8  # of slides, in a sentence


@with_options
def run(
    options: Options,
    out: Out = DEFAULT_OUT,
    workers: Workers = None,
    per_device: PerDevice = None,
    time_limit: TimeLimit = None,
    cluster: Annotated[
        Path | None,
        typer.Option(
            "--cluster", help="Where trials run: a cluster file (yaml); see stbench/commands/cluster_files."
        ),
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
    from stbench.cli.first_words import say_what_is_read

    say_what_is_read(names(options.method), options.dataset, out, options.suite)
    from stbench.commands.means import Means, cluster_of
    from stbench.commands.several_encoders import prepare_each

    asked = options.asked()
    means = Means(workers, per_device, time_limit, in_process, cluster_of(cluster))
    means.check()
    runs = prepare_each(means.fitting(asked), out, overwrite, elsewhere=cluster is not None)
    if dry_run:
        _show_plans(runs, means, json, verbose)
        return
    if audit:
        _audit_first(runs[0], asked)
    _run_and_show(runs, means, json)


def _audit_first(prepared: PreparedRun, asked: Asked) -> None:
    """Audit every method of the run whose source was not audited yet; what the audit says stands at its rows."""
    from stbench.cli.consoles import messages, results_kept_apart
    from stbench.commands import audit as auditing

    design, out = prepared.design, prepared.store.out
    with results_kept_apart():
        for contestant in auditing.not_audited(prepared.contestants, out):
            messages().print(f"auditing {contestant.name}")
            result = auditing.audit_method(
                contestant.name,
                asked.dataset,
                asked.data_root,
                asked.slides,
                design.split,
                design.genes,
                settings=dict(contestant.overrides),
                out=out,
                reading=asked.reading,
            )
            messages().print(f"{contestant.name}: {result['verdict']}")


def _run_and_show(runs: Sequence[PreparedRun], means: Means, json: bool) -> None:
    from stbench.cli.consoles import results_kept_apart
    from stbench.cli.progress import ProgressListener
    from stbench.commands import run as benchmark
    from stbench.commands.several_encoders import all_with_weights, records_of

    announce_all(runs)
    try:
        with results_kept_apart(), ProgressListener() as listener:
            runs = all_with_weights(runs, listener)
            # Weights that cannot be had were named just now, once.
            warnings.filterwarnings("ignore", message="No ImageNet weights of")
            for prepared in runs:
                _say_encoder(prepared, runs)
                benchmark.execute(prepared, means, listener)
    except KeyboardInterrupt:
        _say_stopped(runs)
        sys.exit(130)
    records = records_of(runs)
    _show_results(runs[0], records, json)
    if any(not record.finished for record in records):
        sys.exit(1)


def _say_stopped(runs: Sequence[PreparedRun]) -> None:
    from stbench.cli.consoles import messages

    n_keys = sum(len(prepared.keys) for prepared in runs)
    left = sum(len(job.keys) for prepared in runs for job in prepared.pending())
    n_inner = sum(prepared.n_inner_stored for prepared in runs)
    messages().print(
        f"Stopped. {n_keys - left} of {n_keys} results are stored under {runs[0].store.out}, and {n_inner} inner "
        "trials; run the same command again to go on."
    )


def announce_all(runs: Sequence[PreparedRun]) -> None:
    """Announce each run, with its encoder where there are several."""
    for prepared in runs:
        _say_encoder(prepared, runs)
        announce(prepared)


def _say_encoder(prepared: PreparedRun, runs: Sequence[PreparedRun]) -> None:
    from stbench.cli.consoles import messages

    if len(runs) > 1:
        messages().print(f"Encoder {prepared.design.encoder}:", markup=False)


def announce(prepared: PreparedRun) -> None:
    """Say before the work starts what will be done, what is capped and what is missing."""
    from stbench.cli.consoles import messages
    from stbench.commands.dry_run import cannot_be_fitted
    from stbench.commands.known_slides import warnings_of
    from stbench.names import counted

    console, plan, card = messages(), prepared.plan, prepared.card
    if card.generated:
        console.print(
            f"{prepared.design.dataset} is SYNTHETIC: it shows that the pipeline works, nothing about tissue."
        )
    if not prepared.asked.slides:  # who names slides knows that the others are left out
        _say_left_out(prepared)
    for sentence in warnings_of(prepared.sources, prepared.design.patch.microns is None):
        console.print(f"Warning: {sentence}", markup=False)
    if floors := _floors_beside(prepared):
        console.print(f"Beside what was asked for stand the floors {floors}.", markup=False)
    pending = prepared.pending()
    to_do = len(prepared.trials_to_do(pending)) + sum(len(job.keys) for job in pending)
    n_slides, n_folds = counted(len(plan.table.slides), "slide"), counted(len(plan.folds), "outer fold")
    console.print(
        f"{n_slides}, {n_folds} by {prepared.design.split}, "
        f"inner {prepared.design.inner}: {counted(to_do, 'trial')} to do of {plan.n_trials}, "
        f"for {counted(len(prepared.keys), 'result')}."
    )
    caps = [
        f"{prepared.design.epochs} epoch{'s' * (prepared.design.epochs != 1)}"
        if prepared.design.epochs is not None
        else "",
        f"{prepared.design.max_settings} setting{'s' * (prepared.design.max_settings != 1)} a method"
        if prepared.design.max_settings
        else "",
    ]
    if any(caps):
        console.print(f"Capped at {' and '.join(filter(None, caps))}.")
    if to_do > LONG_RUN:
        from stbench.cli.dry_run import costs_in_words
        from stbench.commands.cheaper import costs

        console.print(costs_in_words(costs(prepared)))
    if (asked := prepared.asked.inner) != prepared.design.inner:
        console.print(
            f"Note: {asked} inner folds were asked for; no outer fold has so many training slides or patients, so that "
            f"each is left out once (inner {prepared.design.inner})."
        )
    for sentence in cannot_be_fitted(prepared):
        console.print(sentence)
    for note in sorted({job.note for job in plan.jobs if job.note}):
        folds = list(dict.fromkeys(job.fold.name for job in plan.jobs if job.note == note))
        where = "" if len(folds) == len(plan.folds) else f" (fold {', '.join(folds)})"
        console.print(f"Note: {note}{where}.")


def _say_left_out(prepared: PreparedRun) -> None:
    """Which slides of the data set do not take part, and why."""
    from stbench.cli.consoles import messages

    if prepared.missing:
        listed = _first_of(list(prepared.missing))
        messages().print(f"Slides not complete on disk and left out: {listed}.", markup=False)
    if prepared.unmeasured:
        listed = _first_of([slide.id for slide in prepared.unmeasured])
        messages().print(
            f"Slides without expression, left out: {listed} (stbench predict takes them).", markup=False
        )


def _first_of(names: Sequence[str]) -> str:
    """Names in a sentence, of many the first ones and how many more."""
    n_more = max(0, len(names) - _MOST_NAMES)
    return ", ".join(names[:_MOST_NAMES]) + (f" and {n_more} more" if n_more else "")


def _floors_beside(prepared: PreparedRun) -> str:
    """The floors that nobody named, which a newcomer would not expect."""
    asked = set(prepared.asked.methods)
    names = dict.fromkeys(entrant.name for entrant in prepared.contestants if entrant.is_floor)
    return ", ".join(name for name in names if name not in asked)


def _show_plans(runs: Sequence[PreparedRun], means: Means, json: bool, verbose: bool) -> None:
    from stbench.cli.dry_run import print_plan
    from stbench.cli.options import print_json
    from stbench.commands.dry_run import plan_of
    from stbench.commands.preparing import check_values

    for prepared in runs:
        check_values(prepared.pending())
    if json:
        plans = [plan_of(prepared, means) for prepared in runs]
        print_json(plans[0] if len(plans) == 1 else {"plans": plans})
        return
    for prepared in runs:
        _say_encoder(prepared, runs)
        announce(prepared)
        print_plan(plan_of(prepared, means), verbose)


def _show_results(prepared: PreparedRun, records: list, json: bool) -> None:
    from stbench.cli.consoles import messages, output
    from stbench.cli.debugging import debugging
    from stbench.cli.the_rest import command, say_where_the_rest_is
    from stbench.commands.leaderboard import tables_of
    from stbench.names import cleaned
    from stbench.reporting.tables import formats
    from stbench.reporting.tables.columns import LONGEST_REASON
    from stbench.reporting.tables.terminal import LeaderboardView

    tables = tables_of(records, prepared.store.out)
    if json:
        print(formats.to_json(tables), end="")
        return
    output().print(LeaderboardView(tables), crop=False)
    for record in records:
        if not record.finished:
            messages().print(
                f"failed: {record.row.method}, fold {record.fold}, seed {record.seed}: "
                f"{cleaned(record.failure or '', LONGEST_REASON)}"
            )
            if debugging():
                for line in record.trace.splitlines():
                    messages().print(f"    {line}")
    mlflow, out = prepared.where_mlflow_is(), prepared.store.out
    say_where_the_rest_is(out)
    messages().print(f"Records and predictions: {out}")
    if mlflow:
        messages().print(f"MLflow: {mlflow}")
    messages().print(f"To look at them: {command('report', out)} --to page")
