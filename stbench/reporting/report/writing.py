"""From results folders to a report: read, gather, draw, and write the page last and in one step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from stbench.errors import UsageError
from stbench.files import write_text
from stbench.reporting.report.boards import build_boards
from stbench.reporting.report.content import gather
from stbench.reporting.report.page import check_plotly, render
from stbench.reporting.report.printing import left_out, write_figures
from stbench.reporting.report.sections.split_gap import split_gap_section
from stbench.reporting.report.stored import StoredArrays
from stbench.reporting.results.merging import merged_records
from stbench.reporting.tables.leaderboard import DEFAULT_REFERENCE

PAGE, FIGURES = "index.html", "figures"


class Written(NamedTuple):
    """What a report consists of; `problems` has a sentence for each file that could not be used.

    `left_out` has a sentence for what the page does without, since a package is not installed.
    """

    page: Path
    figures: list[Path]
    n_tables: int
    problems: list[str]
    left_out: list[str]


def write_report(
    folders: Sequence[tuple[str, Path]],
    to: Path,
    reference: str = DEFAULT_REFERENCE,
    genes: Sequence[str] = (),
    sources: Mapping[str, str] | None = None,
) -> Written:
    """Write the report on all Records of `folders` (name for people, folder) below `to`.

    reference  the row that all others are tested against
    genes      genes to draw on every slide, besides the best and the median
    sources    hash of each method's source as it is today: rows made by another are marked
    Raises UsageError where there are no Records, a gene is in no panel or plotly is not installed, StorageError where
    folders contradict each other or nothing can be written. The page appears whole or not at all.
    """
    if to.is_file():
        raise UsageError(f"--to {to} is a file; name a folder for the page and its figures.")
    check_plotly()
    records, damaged = merged_records(folders)
    if not records:
        raise UsageError(_nothing_there(folders, damaged))
    stored = StoredArrays([folder for _, folder in folders])
    boards = build_boards(records, reference, sources)
    contents = gather(boards, stored, reference, genes)
    problems = [*damaged, *stored.problems, *(p for content in contents for p in content.tissue.problems)]
    text = render(contents, split_gap_section(boards), problems)
    figures = write_figures(to / FIGURES, contents)
    write_text(to / PAGE, text)
    return Written(to / PAGE, figures, len(boards), problems, left_out(contents))


def _nothing_there(folders: Sequence[tuple[str, Path]], damaged: Sequence[str]) -> str:
    names = " and ".join(name for name, _ in folders)
    if damaged:
        return f"None of the {len(damaged)} Records under {names} can be read; the first: {damaged[0]}"
    return (
        f"There are no Records under {names}. Run a method first: stbench run --method ridge --dataset demo"
    )
