"""A table of text as the templates show it: headings that sort, cells that are aligned, lines that can be filtered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from stbench.reporting.tables.columns import MISSING


@dataclass(frozen=True)
class Heading:
    """A column's title; `meaning` explains it, `extra` columns are shown on demand, on telephones `roomy` ones too."""

    title: str
    is_number: bool = True
    meaning: str = ""
    extra: bool = False
    roomy: bool = False


@dataclass(frozen=True)
class Line:
    """One line of cells; `kind` is what it can be filtered by, `marks` are badges beside the line's name.

    A `faint` line is shown in grey, a `folded` one on demand. `links` leads from a cell's place to an https address.
    """

    cells: tuple[str, ...]
    kind: str = ""
    marks: tuple[str, ...] = ()
    faint: bool = False
    folded: bool = False
    links: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Grid:
    """A table: its caption is read out by screen readers and stands above it."""

    caption: str
    headings: tuple[Heading, ...]
    lines: tuple[Line, ...]

    @property
    def kinds(self) -> list[str]:
        """What its lines can be filtered by, in their order."""
        return list(dict.fromkeys(line.kind for line in self.lines if line.kind))

    @property
    def n_folded(self) -> int:
        return sum(line.folded for line in self.lines)

    @property
    def has_extra(self) -> bool:
        return any(heading.extra for heading in self.headings)


def words(*titles: str) -> tuple[Heading, ...]:
    """Headings of columns that hold text."""
    return tuple(Heading(title, is_number=False) for title in titles)


def numbers(*titles: str) -> tuple[Heading, ...]:
    """Headings of columns that hold numbers."""
    return tuple(Heading(title) for title in titles)


def number(value: float | None, digits: int = 3) -> str:
    """A number with so many digits after the point, or the sign of a missing one."""
    return MISSING if value is None else f"{value:,.{digits}f}"


def interval(ends: Sequence[float] | None) -> str:
    """Both ends of an interval, or the sign of a missing one."""
    return f"{ends[0]:.3f} to {ends[1]:.3f}" if ends else MISSING


def listed(names: Sequence[str]) -> str:
    """Names in a sentence: 'A', 'A and B', 'A, B and C'."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""
