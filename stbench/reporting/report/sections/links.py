"""What cards say of methods and data sets: titles, papers, code, and where they lie.

A page is made of Records alone; cards are read elsewhere, and come here as plain values.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from stbench.names import cleaned
from stbench.reporting.report.boards import Board
from stbench.reporting.report.grid import Grid, Line, words
from stbench.reporting.tables.columns import MISSING


class AboutMethod(NamedTuple):
    """A method's card: `paper` and `code` in words, with their addresses, "" for none."""

    title: str
    summary: str
    paper: str = ""
    paper_address: str = ""
    code: str = ""
    code_address: str = ""


class AboutDataset(NamedTuple):
    """A data set's card; `address` is where the data are from, "" where they are nowhere."""

    title: str
    summary: str
    citation: str = ""
    address: str = ""


class Cards(NamedTuple):
    """What is known of methods and data sets by name; what has no card here has no line."""

    methods: Mapping[str, AboutMethod] = {}
    datasets: Mapping[str, AboutDataset] = {}


def safe_address(address: str) -> str:
    """The address where a reader may be sent to it: https, and no more than that; "" otherwise."""
    return address if address.startswith("https://") and not set(address) & set(" \"'<>\\\n\r\t") else ""


def dataset_of(board: Board, cards: Cards) -> AboutDataset | None:
    """The card of the table's data set; of a folder of the user's own, there is none."""
    name, _, folder = board.table.identity.dataset.partition(":")
    return None if folder else cards.datasets.get(name)


def methods_grid(board: Board, cards: Cards) -> Grid | None:
    """A line for each method of the table that has a card: what it is, its paper, its code; None without any."""
    names = dict.fromkeys(entry.row.method for entry in board.entries)
    lines = [_line(name, cards.methods[name]) for name in names if name in cards.methods]
    if not lines:
        return None
    return Grid(
        "Methods of this table", words("method", "title", "what it is", "paper", "code"), tuple(lines)
    )


def _line(name: str, about: AboutMethod) -> Line:
    cells = (name, about.title, about.summary, about.paper or MISSING, about.code or MISSING)
    addresses = {3: about.paper_address, 4: about.code_address}
    safe = {place: safe_address(address) for place, address in addresses.items()}
    return Line(
        tuple(cleaned(cell, 300) for cell in cells),
        links={place: address for place, address in safe.items() if address},
    )
