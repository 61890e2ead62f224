"""Where the numbers come from: versions, commits, machines, dates, budgets and the settings of each row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stbench.names import cleaned
from stbench.record import Record
from stbench.reporting.report.boards import Board, Entry
from stbench.reporting.report.grid import Grid, Line, words
from stbench.reporting.report.sections.row_commands import row_command
from stbench.reporting.tables.columns import LONGEST_NOTE, MISSING


@dataclass(frozen=True)
class OriginSection:
    """`facts` are (what, value) pairs of all Records of the table; `grid` has a line for each row."""

    facts: list[tuple[str, str]]
    grid: Grid


def origin_section(board: Board) -> OriginSection:
    """The provenance of one table; several values of one fact are all named."""
    return OriginSection(
        _facts(board.records),
        Grid(
            "Settings of each row",
            words(
                "method",
                "settings",
                "chosen by inner folds",
                "budget",
                "weights from elsewhere",
                "seeds",
                "command",
            ),
            tuple(Line((*_cells(entry), row_command(board, entry) or MISSING)) for entry in board.entries),
        ),
    )


def _facts(records: Sequence[Record]) -> list[tuple[str, str]]:
    sources = [record.provenance for record in records]
    dates = sorted(str(source["finished_at"]) for source in sources if source.get("finished_at"))
    packages = sorted({name for source in sources for name in source.get("packages") or {}})
    facts = [
        ("stbench", _distinct(source.get("stbench") for source in sources)),
        ("commit", _distinct(_commit(source) for source in sources)),
        ("protocol", _distinct(record.table.protocol for record in records)),
        ("finished", " to ".join(dict.fromkeys((dates[0], dates[-1]))) if dates else MISSING),
        ("machine", _distinct(_machine(source) for source in sources)),
        ("Python", _distinct(source.get("python") for source in sources)),
        *((name, _distinct((s.get("packages") or {}).get(name) for s in sources)) for name in packages),
        ("data", _distinct(record.table.data for record in records)),
    ]
    return [(name, cleaned(value, LONGEST_NOTE)) for name, value in facts if value]


def _commit(source: Mapping[str, Any]) -> str:
    git = source.get("git") or {}
    return f"{git['commit']}{' with uncommitted changes' if git.get('changed') else ''}" if git else ""


def _machine(source: Mapping[str, Any]) -> str:
    threads = f"{source['threads']} threads" if source.get("threads") else ""
    return ", ".join(
        str(part)
        for part in (source.get("processor"), source.get("system"), source.get("device"), threads)
        if part
    )


def _cells(entry: Entry) -> tuple[str, ...]:
    finished = [record for record in entry.records if record.finished]
    chosen = _distinct(_settings(record.tuning.get("settings") or {}) for record in finished if record.tuning)
    words = (
        _distinct(_settings(record.settings) for record in finished),
        chosen,
        entry.row.budget or "",
        entry.row.pretrained or "",
        ", ".join(map(str, entry.row.seeds)),
    )
    return entry.label, *(cleaned(cell, LONGEST_NOTE) or MISSING for cell in words)


def _settings(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in sorted(settings.items()))


def _distinct(values: Iterable[object]) -> str:
    """Every value once, in order; values that are missing are left out."""
    return " · ".join(dict.fromkeys(str(value) for value in values if value not in (None, "")))
