"""`stbench status`: how far the plans below a folder are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stbench.cli.options import DEFAULT_OUT, Json, Out, print_json

if TYPE_CHECKING:
    from stbench.commands.status import Status


def status(out: Out = DEFAULT_OUT, json: Json = False) -> None:
    """What is done, running, failed and left of the plans below --out, read from that folder alone."""
    from stbench.commands.status import status_of, stored_plans

    found = status_of(out, stored_plans(out))
    if json:
        print_json(found.to_plain())
    else:
        _show(found)


def _show(status: Status) -> None:
    from stbench.cli.consoles import output
    from stbench.cli.dry_run import in_words, row_words
    from stbench.cli.grids import print_grid
    from stbench.commands.known_names import dataset_words

    lines = []
    for row in status.rows:
        seconds = "?" if row.seconds_left is None else in_words(row.seconds_left) if row.seconds_left else "-"
        counts = (row.done, row.running, row.failed, row.waiting)
        lines.append((dataset_words(row.dataset), row_words(row.row), *map(str, counts), seconds))
    titles = ("dataset", "row", "done", "running", "failed", "left", "time of one worker")
    print_grid(titles, lines, n_names=2)
    done, left = sum(row.done for row in status.rows), sum(row.waiting + row.running for row in status.rows)
    by = f"{status.workers} at work" if status.workers else "nobody is at work"
    if status.seconds_left is None:
        time = "how long the rest takes nobody knows yet"
    else:
        time = f"about {in_words(status.seconds_left)} left" if left else "nothing is left"
    output().print(f"{done} of {done + left + sum(row.failed for row in status.rows)} done; {by}; {time}.")
