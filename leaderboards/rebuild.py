"""Write anew what is generated: each run's table, figures and facts, and the newest result in the project's README.

    python leaderboards/rebuild.py            after new Records
    python leaderboards/rebuild.py --check    exit status 1 where a text is not what its Records say

Everything between the marks of a README comes from the Records beside it; words of people stand outside them.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from stbench.files import write_text
from stbench.record import Record
from stbench.reporting.formats import to_markdown
from stbench.reporting.leaderboard import DEFAULT_REFERENCE
from stbench.reporting.report.boards import Board, build_boards
from stbench.reporting.report.content import gather
from stbench.reporting.report.printing import figure_prefix, write_figures
from stbench.reporting.report.sections.origin import origin_section
from stbench.reporting.report.stored import StoredArrays
from stbench.reporting.store import RunStore

HERE = Path(__file__).resolve().parent
BEGIN, END = "<!-- results -->", "<!-- /results -->"
_FACTS = ("stbench", "finished", "machine", "Python", "torch", "data")


def runs() -> list[Path]:
    """The folders that hold a run."""
    return sorted(path.parent for path in HERE.glob("*/records"))


def records_of(run: Path) -> list[Record]:
    """All Records of a run; a damaged one ends the rebuild, for no table may silently lack it."""
    records, problems = RunStore(run).records()
    if problems:
        sys.exit("\n".join(problems))
    return records


def run_block(boards: Sequence[Board]) -> str:
    """What a run's README says of its tables: the figures, each table, and where its numbers come from."""
    return "\n".join(
        f"{_figure(board, '')}\n\n{to_markdown([board.table])}\n{_facts(board)}" for board in boards
    )


def project_block(run: Path, boards: Sequence[Board]) -> str:
    """What the project's README shows: the newest run's first table and one figure."""
    board = boards[0]
    table = to_markdown([replace(board.table, comparisons=(), published=())])
    place = f"leaderboards/{run.name}"
    more = (
        f"[{place}]({place}) has the tests against {DEFAULT_REFERENCE}, further tables, commands and budget."
    )
    return f"{table}\n{_figure(board, f'{place}/')}\n\n{more}\n"


def _figure(board: Board, place: str) -> str:
    file = f"{place}figures/{figure_prefix(board)}-correlations.svg"
    return f"![Each row's three correlations beside their nulls]({file})"


def _facts(board: Board) -> str:
    """Machine, dates and versions, a line each."""
    facts = [(name, value) for name, value in origin_section(board).facts if name in _FACTS]
    return "\n".join(f"- {name}: {value}" for name, value in facts) + "\n"


def with_block(path: Path, block: str) -> str:
    """The text of a file with what stands between its marks replaced."""
    before, begin, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        sys.exit(f"{path} lacks the marks {BEGIN} and {END}; put them where its results belong.")
    return f"{before}{BEGIN}\n{block}{END}{after}"


def finished(boards: Sequence[Board]) -> str:
    """When a run's last Record was finished."""
    return max(str(record.provenance.get("finished_at", "")) for board in boards for record in board.records)


def texts() -> dict[Path, str]:
    """Every README with its results as they follow from the Records."""
    boards = {run: build_boards(records_of(run), DEFAULT_REFERENCE) for run in runs()}
    newest = max(boards, key=lambda run: finished(boards[run]))
    pages = {
        run / "README.md": with_block(run / "README.md", run_block(found)) for run, found in boards.items()
    }
    readme = HERE.parent / "README.md"
    return pages | {readme: with_block(readme, project_block(newest, boards[newest]))}


def draw(run: Path) -> None:
    """The figures of a run, made from its Records alone."""
    for old in (run / "figures").glob("*"):
        old.unlink()
    boards = build_boards(records_of(run), DEFAULT_REFERENCE)
    write_figures(run / "figures", gather(boards, StoredArrays([run]), DEFAULT_REFERENCE, ()), ("svg",))


def main() -> None:
    wanted = texts()
    stale = [path for path, text in wanted.items() if path.read_text(encoding="utf-8") != text]
    if "--check" in sys.argv[1:]:
        if stale:
            sys.exit(
                "Not what the Records say; run python leaderboards/rebuild.py: " + ", ".join(map(str, stale))
            )
        return
    for path in stale:
        write_text(path, wanted[path])
    for run in runs():
        draw(run)


if __name__ == "__main__":
    main()
