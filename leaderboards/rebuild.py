"""Write anew what is generated: each run's tables, figures and facts, the first table in the README, costs, templates.

    python leaderboards/rebuild.py            after new Records
    python leaderboards/rebuild.py --check    exit status 1 where a text is not what its Records say

Everything between the marks of a README comes from the Records beside it, from costs/, which is what
`stbench time --json` printed, or from the files that `stbench new-method` copies; words of people stand outside them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from stbench.commands.leaderboard import tables_below
from stbench.files import write_text
from stbench.record import Record
from stbench.reporting.report.boards import Board
from stbench.reporting.report.boards import boards_of as boards_of_tables
from stbench.reporting.report.content import gather
from stbench.reporting.report.grid import Grid
from stbench.reporting.report.printing import figure_prefix, left_out, write_figures
from stbench.reporting.report.sections.ablations import ablations_section
from stbench.reporting.report.sections.advice import advice
from stbench.reporting.report.sections.origin import origin_section
from stbench.reporting.report.stored import StoredArrays
from stbench.reporting.results.store import RunStore
from stbench.reporting.tables.ablations import ablation_tables
from stbench.reporting.tables.brief import to_brief_markdown
from stbench.reporting.tables.formats import to_markdown
from stbench.reporting.tables.leaderboard import DEFAULT_REFERENCE
from stbench.reporting.tables.markdown import escaped

HERE = Path(__file__).resolve().parent
# Heading, value of a row of `stbench time --json`, what to divide it by, digits.
_COSTS = (
    ("s/epoch", "seconds_per_epoch", 1, 2),
    ("over floor", "ratio", 1, 2),
    ("s/1,000 spots", "seconds_per_1000_spots", 1, 2),
    ("peak GiB", "peak_memory_mb", 2**30 / 1e6, 1),
    ("parameters", "parameters", 1, 0),
    ("GFLOP/epoch", "flops_epoch", 1e9, 0),
)
_FIGURES = {
    "forest": "Each row's score over patients, its null as a tick, and the ceiling",
    "correlations": "Each row's three correlations beside the null",
}
_FACTS = ("stbench", "commit", "finished", "machine", "Python", "torch", "data")


def runs() -> list[Path]:
    """The folders that hold a run."""
    return sorted(path.parent for path in HERE.glob("*/records"))


def records_of(run: Path) -> list[Record]:
    """All Records of a run; a damaged one ends the rebuild, for no table may silently lack it."""
    records, problems = RunStore(run).records()
    if problems:
        sys.exit("\n".join(problems))
    return records


def boards_of(run: Path) -> list[Board]:
    """The tables of a run; rows whose method has been edited since they were made are marked."""
    return boards_of_tables(tables_below(records_of(run), [run]))


def run_block(boards: Sequence[Board]) -> str:
    """What a run's README says of its tables: each in brief with what may be concluded, all of it folded below."""
    return "\n".join(_board_block(board) for board in boards)


def _board_block(board: Board) -> str:
    brief = f"{_in_brief(board)}\n{_picture(board, 'forest', '')}\n"
    whole = f"{_picture(board, 'correlations', '')}\n\n{to_markdown([board.table])}\n{_facts(board)}"
    summary = "All columns, the tests, and where the numbers come from"
    return f"{brief}\n<details><summary>{summary}</summary>\n\n{whole}\n</details>\n"


def _in_brief(board: Board) -> str:
    """What may be concluded of a table and what not, which floors alone do not say, between its title and its rows."""
    title, _, rows = to_brief_markdown(board.table).partition("\n")
    said = "".join(f"- {escaped(sentence)}\n" for sentence in advice(board))
    return f"{title}\n\n{said}{rows}" if said else f"{title}\n{rows}"


def ablation_block(records: Sequence[Record]) -> str:
    """A method's parts changed one by one, a table for each of its paper's; "" where nothing was ablated."""
    parts = [grid for part in ablations_section(ablation_tables(records)) for grid in part if grid]
    return "".join(f"\n**{escaped(grid.caption)}**\n\n{_as_markdown(grid)}" for grid in parts)


def _as_markdown(grid: Grid) -> str:
    rules = ["--:" if heading.is_number else ":--" for heading in grid.headings]
    titles = [escaped(heading.title) for heading in grid.headings]
    lines = [titles, rules, *([escaped(cell) for cell in line.cells] for line in grid.lines)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def project_block(run: Path, boards: Sequence[Board]) -> str:
    """What the project's README shows: a run's first table and one figure."""
    board = boards[0]
    place = f"leaderboards/{run.name}"
    picture = _picture(board, "forest", f"{place}/")
    more = f"[{place}]({place}) has all columns, the tests against {DEFAULT_REFERENCE}, commands and budget."
    return f"{_in_brief(board)}\n{picture}\n\n{more}\n"


def _picture(board: Board, figure: str, place: str) -> str:
    return f"![{_FIGURES[figure]}]({place}figures/{figure_prefix(board)}-{figure}.svg)"


def _facts(board: Board) -> str:
    """Machine, dates and versions, a line each."""
    facts = [(name, value) for name, value in origin_section(board).facts if name in _FACTS]
    return "\n".join(f"- {name}: {value}" for name, value in facts) + "\n"


def costs_block() -> str:
    """A line for each method timed; of two timings of one method the one in the later file counts."""
    documents = [
        json.loads(path.read_text(encoding="utf-8")) for path in sorted((HERE / "costs").glob("*.json"))
    ]
    rows = {row["method"]: row for document in documents for row in document["rows"]}
    lines = [["method", *(heading for heading, *_ in _COSTS)], [":--", *["--:"] * len(_COSTS)]]
    for row in rows.values():
        cells = [_number(row[name], unit, digits) for _, name, unit, digits in _COSTS]
        lines.append([row["method"] + (" (failed)" if row["failed"] else ""), *cells])
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    rates = sorted(document["matrix_gflops"] for document in documents)
    return f"{table}\n\nMatrix products reached {rates[0]:.0f} to {rates[-1]:.0f} GFLOP/s in these runs.\n"


def template_block(name: str) -> str:
    """A method as `stbench new-method` writes it, card and source."""
    folder = HERE.parent / "stbench" / "commands" / "method_templates" / name
    parts = (("yaml", "card.yaml"), ("python", "method.py"))
    texts = [f"```{kind}\n{(folder / file).read_text(encoding='utf-8')}```\n" for kind, file in parts]
    return "\n".join(texts)


def _number(value: float | None, unit: float, digits: int) -> str:
    return "" if value is None else f"{value / unit:,.{digits}f}"


def with_block(text: str, block: str, name: str = "results") -> str:
    """The text with what stands between the marks of that name replaced."""
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    before, opened, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not (opened and closed):
        sys.exit(f"A README lacks the marks {begin} and {end}; put them where its {name} belong.")
    return f"{before}{begin}\n{block}{end}{after}"


def finished(boards: Sequence[Board]) -> str:
    """When a run's last Record was finished."""
    return max(str(record.provenance.get("finished_at", "")) for board in boards for record in board.records)


def is_at_length(boards: Sequence[Board]) -> bool:
    """Whether no row of a run's first table took fewer steps than its publication's, as far as anybody knows."""
    return not any(row.is_faint for row in boards[0].table.rows)


def first_shown(boards: Mapping[Path, Sequence[Board]]) -> Path:
    """The run that the project's README shows: one at published length before budgeted ones, then the newest."""
    candidates = [run for run in boards if boards[run][0].table.has_methods]
    return max(candidates, key=lambda run: (is_at_length(boards[run]), finished(boards[run])))


def texts() -> dict[Path, str]:
    """Every README with its results as they follow from the Records."""
    boards = {run: boards_of(run) for run in runs()}
    shown = first_shown(boards)
    pages = {
        run / "README.md": run_block(found) + ablation_block(records_of(run)) for run, found in boards.items()
    }
    pages[HERE.parent / "README.md"] = project_block(shown, boards[shown])
    wanted = {page: with_block(page.read_text(encoding="utf-8"), block) for page, block in pages.items()}
    costs = HERE / "README.md"
    wanted[costs] = with_block(costs.read_text(encoding="utf-8"), costs_block(), "costs")
    contract = HERE.parent / "stbench" / "README.md"
    wanted[contract] = contract.read_text(encoding="utf-8")
    for name in ("sklearn", "torch"):
        wanted[contract] = with_block(wanted[contract], template_block(name), name)
    return wanted


def draw(run: Path) -> None:
    """The figures of a run, made from its Records alone; those of tables that are gone go last."""
    boards = boards_of(run)
    contents = gather(boards, StoredArrays([run]), DEFAULT_REFERENCE, ())
    if lacking := left_out(contents):
        sys.exit(lacking[0])
    written = write_figures(run / "figures", contents, ("svg",))
    for old in set((run / "figures").glob("*")) - set(written):
        old.unlink()


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
