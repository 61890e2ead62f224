"""`stbench datasets check`: every slide read, compared with the card and drawn."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stbench.cli.options import DataRoot, Json, print_json
from stbench.errors import StbenchError
from stbench.names import portable, shown_name

if TYPE_CHECKING:
    from stbench.commands.inspecting import SlideReport

_COLOURS = {"PASS": "green", "WARN": "yellow", "FAIL": "red", "MISSING": "dim"}


def check_dataset(
    name: Annotated[str, typer.Argument(help="Dataset name, or path:DIR.")],
    to: Annotated[
        Path | None,
        typer.Option(
            "--to", help="Folder for the pictures, a PNG per slide; ./stbench-checks/NAME if not given."
        ),
    ] = None,
    data_root: DataRoot = None,
    json: Json = False,
) -> None:
    """Read every slide, compare it with the card and draw its spots; exit status 1 where one cannot be read."""
    from rich.text import Text

    from stbench.cli.consoles import each_kept_apart, messages
    from stbench.commands import choosing
    from stbench.commands.inspecting import inspect_slides, problems_of_dataset

    dataset = choosing.dataset_name(name)
    folder = to if to is not None else Path("stbench-checks", portable(dataset))
    reports = []
    with messages().status(Text(f"reading {dataset}")) as status:
        for report in each_kept_apart(inspect_slides(name, data_root, folder)):
            reports.append(report)
            status.update(Text(f"reading {dataset}: {report.slide} done"))
    problems = problems_of_dataset(name, reports)
    if json:
        print_json({"dataset": dataset, "slides": [_row(report) for report in reports], "problems": problems})
    else:
        _show(reports)
        if any(report.picture for report in reports):
            messages().print(f"Pictures of the spots are in {folder}.")
    for problem in problems:
        messages().print(f"warning: {problem}")
    failed = [shown_name(report.slide) for report in reports if report.status == "FAIL"]
    if failed:
        raise StbenchError(f"{len(failed)} slides of {dataset} cannot be read: {', '.join(failed)}.")


def _row(report: SlideReport) -> dict[str, object]:
    picture = None if report.picture is None else str(report.picture)
    return report._asdict() | {"picture": picture, "notes": list(report.notes)}


def _show(reports: list[SlideReport]) -> None:
    from rich.table import Table
    from rich.text import Text

    from stbench.cli.consoles import output

    columns = ("slide", "patient", "spots", "genes", "labelled")
    table = Table("status", *columns, "problem or note")
    for report in reports:
        cells = (getattr(report, column) for column in columns)
        words = "\n".join(filter(None, [report.problem, *report.notes]))
        table.add_row(
            Text(report.status, style=_COLOURS[report.status]),
            *("" if cell is None else str(cell) for cell in cells),
            words,
        )
    output().print(table)
