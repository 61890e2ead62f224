"""The grids of a leaderboard for a terminal: the few columns that are read first, or all of them in blocks that fit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from rich import box
from rich.cells import cell_len
from rich.table import Table as Grid
from rich.text import Text

from stbench.reporting.tables.brief import brief_rows
from stbench.reporting.tables.columns import COLUMNS, MISSING, columns_of, label, ranks
from stbench.reporting.tables.leaderboard import Table
from stbench.reporting.tables.presets import PUBLISHED
from stbench.reporting.tables.row import Row

_STYLES = {"floor": "dim", "ceiling": "italic"}
_GAP = 2
# A name gets at least so much room: others are folded at their words.
_LEAST_NAME, _WIDEST_CELL = 14, 44
# What stands below the grids in words.
BELOW = ("pretrained", "budget")
_BY_TITLE = {column.title: column for column in COLUMNS}


class Names(NamedTuple):
    """What rows are called in a table: label -> name; `marks_below` hold for all rows and are said below it."""

    of: Mapping[str, str]
    marks_below: frozenset[str] = frozenset()

    def marks_beside(self, row: Row) -> list[str]:
        """The marks that stand beside a row's name."""
        return [mark.upper() for mark in row.marks if mark not in self.marks_below]

    def width(self, rows: Sequence[Row]) -> int:
        """Letters of the longest name with its marks."""
        return max(cell_len(" ".join([self.of[row.label], *self.marks_beside(row)])) for row in rows)

    @property
    def published(self) -> list[str]:
        """Names that had no room for the words `published settings`."""
        return [name for full, name in self.of.items() if PUBLISHED in full and PUBLISHED not in name]


class BriefGrid(NamedTuple):
    """The brief table, and what its rows are called in it."""

    grid: Grid
    names: Names


class _Shown(NamedTuple):
    """A column as it is shown; where there is no room, those with the highest `dropped` number go first."""

    title: str
    cells: list[str]
    is_number: bool = True
    dropped: int = 0

    @property
    def width(self) -> int:
        return max([*map(cell_len, self.title.split("\n")), *map(cell_len, self.cells)])


def brief_grid(table: Table, width: int, missing: str) -> BriefGrid:
    """The brief table; rows are numbered as they stand in it."""
    rows = brief_rows(table)
    place = _Shown("#", list(ranks(rows)))
    columns = _that_fit([place, *_brief_columns(rows, missing)], width - _LEAST_NAME)
    room = width - _taken(columns)
    names = _names_for(rows, room)
    cells = [" ".join([names.of[row.label], *names.marks_beside(row)]) for row in rows]
    name = _Shown("method", cells, is_number=False)
    return BriefGrid(_grid([columns[0], name, *columns[1:]], rows, room), names)


def _names_for(rows: Sequence[Row], room: int) -> Names:
    """Names in full where there is room; else the words `published settings`, then marks of all rows, go below."""
    full, short = ({row.label: words(row) for row in rows} for words in (label, _without_preset))
    contestants = [row for row in rows if row.kind != "ceiling"]
    common = (
        frozenset.intersection(*(frozenset(row.marks) for row in contestants)) if contestants else frozenset()
    )
    choices = [Names(full), Names(short), Names(short, common if len(contestants) > 1 else frozenset())]
    return next((names for names in choices if names.width(rows) <= room), choices[-1])


def whole_grids(table: Table, width: int, missing: str) -> Iterator[Grid]:
    """All columns in as many grids as it takes, each with the rows' places and names."""
    rows = table.rows
    columns = [column for column in columns_of(table) if column.title not in BELOW][1:]
    place = _Shown("#", list(ranks(rows)))
    name = _Shown("method", [_with_marks(row, label(row)) for row in rows], is_number=False)
    room = min(max(width // 3, _LEAST_NAME), name.width)
    left = width - place.width - room - 2 * _GAP
    block: list[_Shown] = []
    for column in columns:
        shown = _Shown(
            column.title.replace(" ", "\n"),
            [column.cell(row).replace(MISSING, missing) for row in rows],
            column.is_number,
        )
        if block and _taken([*block, shown]) - _GAP > left:
            yield _grid([place, name, *block], rows, room)
            block = []
        block.append(shown)
    yield _grid([place, name, *block], rows, room)


def _brief_columns(rows: Sequence[Row], missing: str) -> list[_Shown]:
    def cells(title: str) -> list[str]:
        return [_BY_TITLE[title].cell(row).replace(MISSING, missing) for row in rows]

    return [
        _Shown("kind", cells("kind"), is_number=False, dropped=3),
        _Shown(f"PCC{_which_interval(rows)}", [_pcc(row, missing) for row in rows]),
        _Shown("null", cells("null"), dropped=1),
        _Shown("equal\ndepth", cells("equal-depth PCC"), dropped=2),
        _Shown("RMSE", cells("RMSE"), dropped=4),
        _Shown("fit s", [_seconds(row.fit_seconds, missing) for row in rows], dropped=5),
    ]


def _which_interval(rows: Sequence[Row]) -> str:
    """What the two numbers beside a PCC are."""
    if any(row.pcc_ci for row in rows):
        return " [95% CI]"
    return " [patient range]" if any(_range(row) for row in rows) else ""


def _range(row: Row) -> tuple[float, float] | None:
    """Least and greatest patient, where there are two: for an interval they are too few."""
    return row.pcc_range if row.n_patients and row.n_patients > 1 else None


def _pcc(row: Row, missing: str) -> str:
    if row.pcc is None:
        return missing
    ends = row.pcc_ci or _range(row)
    return f"{row.pcc:.3f}" + (f" [{ends[0]:.3f}, {ends[1]:.3f}]" if ends else "")


def _seconds(seconds: float | None, missing: str) -> str:
    if seconds is None:
        return missing
    return f"{seconds:.1f}" if seconds < 100 else f"{seconds:,.0f}"


def _without_preset(row: Row) -> str:
    return label(row).replace(f" ({PUBLISHED})", "").replace(f"({PUBLISHED}, ", "(")


def _with_marks(row: Row, name: str) -> str:
    return " ".join([name, *(mark.upper() for mark in row.marks)])


def _that_fit(columns: Sequence[_Shown], width: int) -> list[_Shown]:
    """The columns that fit beside a name: what tells least goes first."""
    shown = list(columns)
    while _taken(shown) > width and any(column.dropped for column in shown):
        shown.remove(max(shown, key=lambda column: column.dropped))
    return shown


def _taken(columns: Sequence[_Shown]) -> int:
    """What columns take of a line, each with the gap before or behind it."""
    return sum(min(column.width, _WIDEST_CELL) + _GAP for column in columns)


def _grid(columns: Sequence[_Shown], rows: Sequence[Row], room: int) -> Grid:
    """The rows under these columns; `room` is how wide a name may be."""
    grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    for column in columns:
        grid.add_column(
            Text(column.title),  # brackets are no markup
            justify="right" if column.is_number else "left",
            overflow="fold",
            max_width=room if column.title == "method" else _WIDEST_CELL,
            no_wrap=column.is_number,
        )
    styles = _STYLES if any(row.kind not in _STYLES for row in rows) else {}
    for index, row in enumerate(rows):
        style = "dim" if row.is_faint else styles.get(row.kind)
        grid.add_row(*(Text(column.cells[index]) for column in columns), style=style)
    return grid
