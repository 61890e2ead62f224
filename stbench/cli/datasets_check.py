"""`stbench datasets check`: every slide read, compared with the card and drawn."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stbench.cli.options import Bin, DataRoot, DropOutside, Json, MicronsPerPixel, print_json
from stbench.errors import StbenchError
from stbench.names import portable, shown_name

if TYPE_CHECKING:
    from stbench.commands.inspecting import SlideReport, Verdict

_COLOURS = {"PASS": "green", "WARN": "yellow", "IMAGE": "cyan", "FAIL": "red", "MISSING": "dim"}


def check_dataset(
    name: Annotated[str, typer.Argument(help="Dataset name, or path:DIR.")],
    to: Annotated[
        Path | None,
        typer.Option(
            "--to", help="Folder for the pictures, a PNG per slide; ./stbench-checks/NAME if not given."
        ),
    ] = None,
    data_root: DataRoot = None,
    bin_um: Bin = None,
    drop_outside: DropOutside = False,
    um_per_px: MicronsPerPixel = None,
    json: Json = False,
) -> None:
    """Read every slide, compare it with the card and draw its spots; exit status 1 where one cannot be read."""
    from rich.text import Text

    from stbench.cli.consoles import each_kept_apart, messages
    from stbench.commands import choosing
    from stbench.commands.inspecting import ReadingOptions, inspect_slides, judged_together
    from stbench.names import counted

    dataset, reading = choosing.dataset_name(name), ReadingOptions(bin_um, drop_outside, um_per_px)
    folder = to if to is not None else Path("stbench-checks", portable(dataset))
    reports = []
    with messages().status(Text(f"reading {dataset}")) as status:
        for report in each_kept_apart(inspect_slides(name, data_root, folder, reading)):
            reports.append(report)
            status.update(Text(f"reading {dataset}: {report.slide} done"))
    verdict = judged_together(name, reports)
    if json:
        print_json(_document(dataset, verdict))
    else:
        _show(verdict)
        if any(report.picture for report in reports):
            messages().print(f"Pictures of the spots are in {folder}.")
    for problem in verdict.problems:
        messages().print(f"warning: {problem}")
    _show_traces(verdict)
    failed = [shown_name(report.slide) for report in reports if report.status == "FAIL"]
    if failed:
        raise StbenchError(
            f"{counted(len(failed), 'slide')} of {dataset} cannot be read: {', '.join(failed)}."
        )


def _document(dataset: str, verdict: Verdict) -> dict[str, object]:
    comparison = verdict.comparison
    return {
        "dataset": dataset,
        "slides": [_row(report) for report in verdict.slides],
        "genes_shared": comparison.genes_shared,
        "duplicates": [{"slides": [one, other], "by": by} for one, other, by, _ in comparison.duplicates],
        "problems": verdict.problems,
    }


def _row(report: SlideReport) -> dict[str, object]:
    """The report without what only the comparison needs."""
    row = report._asdict()
    del row["fingerprint"], row["trace"]
    return row | {
        "image": None if report.image is None else report.image._asdict(),
        "warnings": list(report.warnings),
        "picture": None if report.picture is None else str(report.picture),
        "notes": list(report.notes),
    }


def _show(verdict: Verdict) -> None:
    """A table that fits 80 columns, and below it what takes more room: a paragraph for each slide."""
    from stbench.cli.consoles import output
    from stbench.cli.grids import print_grid

    columns = ("slide", "patient", "spots", "scored", "genes", "labelled")
    lines = []
    for report in verdict.slides:
        cells = [getattr(report, column) for column in columns]
        microns = None if report.microns_per_pixel is None else f"{report.microns_per_pixel:.3g}"
        lines.append((report.status, *("" if cell is None else str(cell) for cell in (*cells, microns))))
    print_grid(("status", *columns, "um/px"), lines, n_names=2, styles=_COLOURS)
    for report in verdict.slides:
        for line in _paragraph(report):
            output().print(line, soft_wrap=True)
    if verdict.comparison.genes_shared is not None:
        output().print(
            f"{verdict.comparison.genes_shared} genes are shared by all slides that could be read."
        )


def _paragraph(report: SlideReport) -> list[str]:
    """What the table has no room for, a line each, indented from the second on."""
    image, lines = report.image, []
    if image is not None:
        kind = "full resolution" if image.full_resolution else "not the full resolution"
        platform = f"{report.platform}, " if report.platform else ""
        lines.append(f"{platform}{image.name} of {image.width} x {image.height} px, {kind}")
        scale = "not known" if report.microns_per_pixel is None else f"{report.microns_per_pixel:.4g}"
        lines.append(f"microns per pixel: {scale} ({report.scale_source or 'as its provider states'})")
    lines += [f"{report.status}: {report.problem}"] if report.problem else []
    first, *others = [*lines, *report.notes] or [""]
    return [f"{shown_name(report.slide)}: {first}", *(f"    {line}" for line in others)]


def _show_traces(verdict: Verdict) -> None:
    from stbench.cli.consoles import messages
    from stbench.cli.debugging import debugging

    if debugging():
        for report in verdict.slides:
            if report.trace:
                messages().print(f"{report.slide}:\n{report.trace}")
