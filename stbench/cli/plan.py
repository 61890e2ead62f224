"""`stbench plan`: write a run's plan down, for any number of machines that share a folder."""

from __future__ import annotations

from typing import Annotated

import typer

from stbench.cli.asked import Options, with_options
from stbench.cli.options import DEFAULT_OUT, Json, Out


@with_options
def plan(
    options: Options,
    out: Out = DEFAULT_OUT,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Name the slides of every fold.")] = False,
    json: Json = False,
) -> None:
    """Write a run's plan below --out; `stbench work` does it, `stbench status` says how far it is."""
    from stbench.cli.consoles import messages, results_kept_apart
    from stbench.cli.first_words import say_what_is_read
    from stbench.cli.options import names
    from stbench.cli.run import announce_all

    say_what_is_read(names(options.method), options.dataset, out, options.suite)
    from stbench.commands.plan import plan_elsewhere, planned, store_plan

    with results_kept_apart():
        runs = plan_elsewhere(options.asked(), out)
    if not json:
        announce_all(runs)
    files = [store_plan(prepared) for prepared in runs]
    if json:
        from stbench.cli.options import print_json

        plans = [{"file": str(file), **planned(prepared)} for file, prepared in zip(files, runs, strict=True)]
        print_json(plans[0] if len(plans) == 1 else {"plans": plans})
        return
    from stbench.cli.dry_run import print_plan

    for file, prepared in zip(files, runs, strict=True):
        print_plan(planned(prepared), verbose)
        messages().print(
            f"Plan: {file}. Start `stbench work --out {prepared.store.out}` as often as you like."
        )
