"""`stbench work`: take trials of stored plans that nobody is at, until none is left."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stbench.cli.options import DEFAULT_OUT, DataRoot, Out, PerDevice, TimeLimit, Workers

if TYPE_CHECKING:
    from stbench.commands.prepared_run import PreparedRun


def work(
    out: Out = DEFAULT_OUT,
    data_root: DataRoot = None,
    workers: Workers = None,
    per_device: PerDevice = None,
    device: Annotated[
        str | None, typer.Option(help="Of the kind that the plan is for: cuda:N for one card alone.")
    ] = None,
    time_limit: TimeLimit = None,
) -> None:
    """Do what is left of the plans below --out, beside any number of others; what one leaves, another takes up."""
    from stbench.cli.consoles import messages, results_kept_apart
    from stbench.cli.progress import ProgressListener
    from stbench.commands.means import Means
    from stbench.commands.work import work as worked

    means, failed = Means(workers, per_device, time_limit), False
    messages().print(f"Reading the plans below {out}.")
    try:
        with results_kept_apart(), ProgressListener() as listener:
            for prepared in worked(out, means, data_root, device, listener):
                failed |= _tell(prepared)
    except KeyboardInterrupt:
        messages().print("Stopped. What is finished is stored; start the same command again to go on.")
        sys.exit(130)
    messages().print(
        f"Nothing is left to do under {Path(out).absolute()}: see `stbench leaderboard --out {out}`."
    )
    if failed:
        sys.exit(1)


def _tell(prepared: PreparedRun) -> bool:
    """Say how a plan ended; whether any of its rows failed on a fold."""
    from stbench.cli.consoles import messages

    failed = [record for record in prepared.records() if not record.finished]
    words = f", {len(failed)} of them failed" if failed else ""
    messages().print(
        f"{prepared.design.dataset}: all {prepared.plan.n_trials} trials are done, {len(prepared.keys)} results{words}."
    )
    return bool(failed)
