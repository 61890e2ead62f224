"""Tables of text on the terminal: one that is too wide goes on below in blocks, and no number is ever cut."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from rich.table import Table as Grid

_GAP = 2
# A column of words is made no narrower than a fifth of the line before a table goes on below, where it has a third;
# a word is broken where it is longer than half of the line.
_LEAST_WORDS, _IN_ONE_BLOCK, _IN_BLOCKS, _A_WORD = 14, 5, 3, 2
# A number, with its interval or unit if it has one; or what stands in its place.
_NUMBER = re.compile(r"[+<-]?[\d.,]+(e-?\d+)?( \(.*\)| to .*| s| min| h)?$|[–?-]$")


class _Column(NamedTuple):
    """A column as it is shown: title and cells may have several lines."""

    title: str
    cells: tuple[str, ...]
    is_number: bool

    @property
    def width(self) -> int:
        from rich.cells import cell_len

        return max(cell_len(line) for words in (self.title, *self.cells) for line in words.split("\n"))


def print_grid(
    titles: Sequence[str],
    lines: Sequence[Sequence[str]],
    n_names: int = 1,
    caption: str = "",
    styles: Mapping[str, str] | None = None,
) -> None:
    """Print a table to standard output; the first `n_names` columns say what a line is and stand in every block.

    styles  of a line, by its first cell
    """
    from stbench.cli.consoles import output

    console = output()
    if caption:
        console.print(caption, markup=False)
    for grid in grids(titles, lines, n_names, console.width, styles):
        console.print(grid)
        console.print()


def grids(
    titles: Sequence[str],
    lines: Sequence[Sequence[str]],
    n_names: int,
    width: int,
    styles: Mapping[str, str] | None = None,
) -> Iterator[Grid]:
    """The table in as many blocks as it takes to fit `width`."""
    columns = [_column(title, [line[place] for line in lines]) for place, title in enumerate(titles)]
    starts = [line[0] for line in lines]
    for block in _blocks(columns, n_names, width):
        yield _grid(block, [(styles or {}).get(start) for start in starts])


def _column(title: str, cells: Sequence[str]) -> _Column:
    filled = [cell for cell in cells if cell]
    return _Column(title, tuple(cells), bool(filled) and all(map(_NUMBER.match, filled)))


def _short_title(column: _Column) -> _Column:
    """The column with its title broken at its words where that is longer than the cells."""
    room = max(map(len, [" ", *column.title.split(), *column.cells]))
    return column._replace(title="\n".join(textwrap.wrap(column.title, room)))


def _blocks(columns: Sequence[_Column], n_names: int, width: int) -> Iterator[list[_Column]]:
    """All columns in one block if titles and words can be broken for it; else the names again with what fits."""
    if _taken(columns) <= width:
        yield list(columns)
        return
    columns = list(map(_short_title, columns))
    least, usual = (max(width // part, _LEAST_WORDS) for part in (_IN_ONE_BLOCK, _IN_BLOCKS))
    longest = max((column.width for column in columns if not column.is_number), default=least)
    for room in range(max(longest, least), least - 1, -1):
        folded = [_folded(column, room, width) for column in columns]
        if _taken(folded) <= width:
            yield folded
            return
    columns = [_folded(column, usual, width) for column in columns]
    names, others = columns[:n_names], columns[n_names:]
    block: list[_Column] = []
    for column in others:
        if block and _taken([*names, *block, column]) > width:
            yield [*names, *block]
            block = []
        block.append(column)
    yield [*names, *block]


def _folded(column: _Column, room: int, width: int) -> _Column:
    """Words on lines of at most `room` letters, or a word's; numbers as they are."""
    longest = max((len(word) for cell in column.cells for word in cell.split()), default=0)
    room = max(room, min(longest, width // _A_WORD))
    if column.is_number or column.width <= room:
        return column
    cells = ("\n".join(textwrap.wrap(cell, room, break_on_hyphens=False)) for cell in column.cells)
    return column._replace(title="\n".join(textwrap.wrap(column.title, room)), cells=tuple(cells))


def _taken(columns: Sequence[_Column]) -> int:
    return sum(column.width for column in columns) + _GAP * (len(columns) - 1)


def _grid(columns: Sequence[_Column], styles: Sequence[str | None]) -> Grid:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    for column in columns:
        grid.add_column(
            Text(column.title),  # brackets are no markup
            justify="right" if column.is_number else "left",
            overflow="fold",
            no_wrap=column.is_number,
        )
    for place, style in enumerate(styles):
        grid.add_row(*(Text(column.cells[place]) for column in columns), style=style)
    return grid
