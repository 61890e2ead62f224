"""How a dry run shows its plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from stbench.commands.machine_load import busy_in_words
from stbench.names import counted

if TYPE_CHECKING:
    from stbench.commands.cheaper import Cost

NOTHING_LEFT = "Nothing is left to do."
_MOST_FOLDS = 8  # shown by name without -v


def print_plan(plan: Mapping[str, Any], verbose: bool = False) -> None:
    """Trials and hours by method, caches, disk; the folds where they are few, or all if asked for."""
    from stbench.cli.consoles import output
    from stbench.cli.grids import print_grid

    console = output()
    if verbose or len(plan["folds"]) <= _MOST_FOLDS:
        print_grid(("fold", "tests on", "trains on"), _fold_lines(plan, verbose), caption="Outer folds")
    titles = ("row", "inner trials", "refits", "time left of its method")
    print_grid(titles, _trial_lines(plan), caption="Trials")
    if not plan["trials_to_do"]:
        console.print(f"{NOTHING_LEFT} All {plan['trials']} trials are stored.{_cached(plan)}")
        return
    console.print(f"{counted(plan['trials_to_do'], 'trial')} to do of {plan['trials']}. {time_of(plan)}")
    console.print(f"Results take about {max(1, round(plan['disk_mb']))} MB.{_cached(plan)}")


def _fold_lines(plan: Mapping[str, Any], verbose: bool) -> list[tuple[str, str, str]]:
    return [
        (
            fold["name"],
            ", ".join(fold["test"]),
            ", ".join(fold["train"]) if verbose else f"{len(fold['train'])} others",
        )
        for fold in plan["folds"]
    ]


def _trial_lines(plan: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """Each row with its trials, and what one worker still needs for all rows of its method."""
    lines = []
    for row in plan["methods"]:
        seconds = row["estimated_seconds_of_method"]
        time = "" if seconds is None or row["estimated_by"] == "unknown" else in_words(seconds)
        lines.append((row_words(row["row"]), str(row["inner_trials"]), str(row["refits"]), time))
    return lines


def row_words(row: str) -> str:
    """A planned row as people read it: its preset only where it is not the published settings."""
    return row.removesuffix(" paper")


def _cached(plan: Mapping[str, Any]) -> str:
    """In a sentence, of how many slides embeddings lie there, if that was looked for."""
    cached, slides = plan["embeddings_cached"], plan["slides"]
    return "" if cached is None else f" Embeddings cached for {len(cached)} of {len(slides)} slides."


def costs_in_words(costs: Sequence[Cost]) -> str:
    """In a sentence, what one worker would need for a whole run, and with each cheaper choice."""

    def of(cost: Cost) -> str:
        trials = f"{'at most ' if cost.at_most else ''}{cost.trials} trials"
        return trials if cost.seconds is None else f"{in_words(cost.seconds)} ({trials})"

    asked, *others = costs
    cheaper = "".join(f"; with {cost.options} {of(cost)}" for cost in others)
    return f"All of it on one worker: about {of(asked)}{cheaper}."


def time_of(plan: Mapping[str, Any]) -> str:
    """In a sentence, how long the plan takes on this machine."""
    if not plan["trials_to_do"]:
        return NOTHING_LEFT
    workers = plan["workers"]
    by = f"with {workers} worker{'' if workers == 1 else 's'}"
    if plan["estimated_seconds"] is None:
        return f"Nobody knows yet how long {', '.join(plan['not_estimated'])} takes."
    least, most = plan["estimated_seconds"], plan["estimated_at_most_seconds"]
    basis = sorted({row["estimated_by"] for row in plan["methods"] if row["estimated_by"]})
    return f"{between_in_words(least, most)} {by}, by {' and '.join(basis)}{busy_in_words()}."


def between_in_words(least: float, most: float) -> str:
    """About how long, where it is not known better than between two times."""
    words = dict.fromkeys(map(in_words, (least, most)))
    return f"About {' to '.join(words)}"


def in_words(seconds: float) -> str:
    """A length of time as people say it."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} min"
    hours = seconds / 3600
    return f"{hours:.1f} h" if hours < 10 else f"{round(hours)} h"
