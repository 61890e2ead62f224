"""`stbench ablate METHOD`: a method's parts changed one by one, each beside the method itself."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stbench.cli.asked import Options, with_options
from stbench.cli.meant_dataset import meant_dataset
from stbench.cli.options import DEFAULT_OUT, Json, Out, PerDevice, TimeLimit, Workers, print_json
from stbench.errors import UsageError

if TYPE_CHECKING:
    from stbench.commands.ablate import LeftOut
    from stbench.reporting.statistics import Comparison
    from stbench.reporting.tables.ablations import AblationLine, AblationTable

_METHOD = Annotated[str, typer.Argument(metavar="METHOD", help="One method whose card lists ablations.")]


@partial(with_options, method=_METHOD)
def ablate(
    options: Options,
    table: Annotated[
        str | None, typer.Option("--table", help="Only the ablations of this table of its paper: 2, S3.")
    ] = None,
    out: Out = DEFAULT_OUT,
    workers: Workers = None,
    per_device: PerDevice = None,
    time_limit: TimeLimit = None,
    json: Json = False,
) -> None:
    """Run a method and its ablations, at the settings and epochs that the full method chose, and pair them."""
    from stbench.cli.consoles import results_kept_apart
    from stbench.cli.progress import ProgressListener
    from stbench.commands import ablate as ablating
    from stbench.commands.held_results import datasets_with_results
    from stbench.commands.means import Means

    if options.dataset is None and options.suite is None and datasets_with_results(out):
        options.dataset = meant_dataset(None, out)
        kind, colon, _ = options.dataset.partition(":")
        if colon:  # Records do not hold where it lies
            raise UsageError(f"Name the folder of {options.dataset}: --dataset {kind}:DIR.")
    means = Means(workers, per_device, time_limit)
    with results_kept_apart(), ProgressListener() as listener:
        tables, left_out = ablating.ablate(options.asked(), table, out, means, listener)
    if json:
        print_json(
            {"tables": [_plain(found) for found in tables], "left_out": [_reason(o) for o in left_out]}
        )
    else:
        _show(tables, left_out)


def _plain(found: AblationTable) -> dict[str, Any]:
    """One of the paper's tables, as plain values."""
    from dataclasses import asdict

    def of_line(line: AblationLine) -> dict[str, Any]:
        return {
            "name": line.name,
            "pcc": line.row.pcc,
            "pcc_given_depth": line.row.pcc_given_depth,
            "pcc_equal_depth": line.row.pcc_equal_depth,
            "tests": {score: asdict(test) for score, test in line.tests.items()},
            "printed": [asdict(number) for number in line.printed],
            "n_failed": line.row.n_failed,
        }

    return {
        "title": found.title,
        "table": found.table.id,
        "synthetic": found.table.synthetic,
        "method": found.full.label,
        "full": {"pcc": found.full.pcc, "pcc_equal_depth": found.full.pcc_equal_depth},
        "ablations": [of_line(line) for line in found.lines],
        "printed": [asdict(number) for number in found.printed],
    }


def _reason(left_out: LeftOut) -> dict[str, str]:
    return {
        "table": left_out.ablation.table,
        "name": left_out.ablation.name,
        "reason": left_out.reason,
    }


def _show(tables: list[AblationTable], left_out: list[LeftOut]) -> None:
    from stbench.cli.consoles import output
    from stbench.cli.grids import print_grid
    from stbench.reporting.tables.ablations import printed_in_words
    from stbench.reporting.tables.brief import brief_heading

    for found in tables:
        output().print(brief_heading(found.table), style="bold", markup=False)
        output().print(f"{found.title}: {found.full.label} and its ablations", markup=False)
        print_grid(_TITLES, _lines(found))
        for words in printed_in_words(found):
            output().print(words, markup=False)
    for out in left_out:
        output().print(f"{out.ablation.table}, {out.ablation.name}: not run; {out.reason}", markup=False)


_TITLES = ("ablation", "PCC", "PCC minus full", "equal depth", "equal depth minus full", "verdict")


def _lines(found: AblationTable) -> list[tuple[str, ...]]:
    """The full method, then each ablation: two scores, how far from the full method, and what can be told."""
    full = found.full
    lines = [("nothing changed", _number(full.pcc), "", _number(full.pcc_equal_depth), "", "")]
    for line in found.lines:
        plain, equal = line.tests.get("pcc"), line.tests.get("pcc_equal_depth")
        verdict = plain.verdict if plain else "no patients stated"
        pcc, equal_depth = _number(line.row.pcc), _number(line.row.pcc_equal_depth)
        lines.append((line.name, pcc, _difference(plain), equal_depth, _difference(equal), verdict))
    return lines


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _difference(test: Comparison | None) -> str:
    """The mean difference by patient, with its interval where there are patients enough for one."""
    if test is None or test.difference is None:
        return "–"
    interval = f" ({test.interval[0]:+.3f} to {test.interval[1]:+.3f})" if test.interval else ""
    return f"{test.difference:+.3f}{interval}"
