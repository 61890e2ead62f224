"""What a method that was fitted on one data set is worth on another: train-on by test-on, from released rows.

A cell beside the diagonal is a released predictor's row on that data set. On the diagonal, where the model would be
tested on its own training slides, stands the nested row of its method instead, which never saw a slide it is tested on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stbench.names import shown_name
from stbench.reporting.report.boards import Board, Entry
from stbench.reporting.report.grid import Grid, Line, number, words
from stbench.reporting.tables.columns import MISSING
from stbench.reporting.tables.seen import in_words


@dataclass(frozen=True)
class TransferSection:
    """One grid of all released predictors, None where there are none."""

    grid: Grid | None


def transfer_section(boards: Sequence[Board]) -> TransferSection:
    """A line for each predictor, a column for each table that has one or its method's nested row on its own data."""
    released = {entry.label: entry for board in boards for entry in board.entries if _is_released(entry)}
    if not released:
        return TransferSection(None)
    columns = [board for board in boards if any(_cell(board, entry) for entry in released.values())]
    lines = [
        Line(
            (label, shown_name(_trained_on(entry) or MISSING), *(_cell(b, entry) or MISSING for b in columns))
        )
        for label, entry in sorted(released.items(), key=lambda pair: (_method(pair[1]), pair[0]))
    ]
    lines += _nested_alone(list(released.values()), columns)
    caption = (
        "PCC (equal-depth PCC) by what was trained on and what was tested on. Nested: the method's own row on that "
        "data set, fitted in each fold without the test slides."
    )
    titles = ("predictor", "trained on", *(f"on {_name(board, columns)}" for board in columns))
    return TransferSection(Grid(caption, words(*titles), tuple(lines)))


def _nested_alone(predictors: Sequence[Entry], columns: Sequence[Board]) -> list[Line]:
    """Lines of the same methods on data sets that no predictor was trained on: what could be had there by fitting."""
    lines = []
    for method in sorted({_method(entry) for entry in predictors}):
        there = {_trained_on(entry) for entry in predictors if _method(entry) == method}
        for board in columns:
            dataset, nested = board.table.identity.dataset, _nested(board, method)
            if nested is None or dataset in there:
                continue
            cells = [f"{_scores(nested)}, nested" if other is board else MISSING for other in columns]
            lines.append(Line((nested.label, shown_name(dataset), *cells)))
    return lines


def _is_released(entry: Entry) -> bool:
    return entry.row.kind == "released" and entry.row.pcc is not None


def _about(entry: Entry, what: str) -> str:
    return next((str(record.released[what]) for record in entry.records if record.released), "")


def _method(entry: Entry) -> str:
    return _about(entry, "method")


def _trained_on(entry: Entry) -> str:
    return _about(entry, "trained_on")


def _cell(board: Board, predictor: Entry) -> str:
    """What stands for a predictor in the column of a table; "" for nothing."""
    if board.table.identity.dataset == _trained_on(predictor):
        nested = _nested(board, _method(predictor))
        if nested is not None:
            return f"{_scores(nested)}, nested"
    own = next((entry for entry in board.entries if entry.label == predictor.label), None)
    if own is None or own.row.pcc is None:
        return ""
    seen = in_words(own.row)
    return _scores(own) + (f", seen: {seen}" if seen != "no" else "")


def _nested(board: Board, method: str) -> Entry | None:
    """The tuned row of a method that was fitted here; of several presets or encoders the first of the table."""
    rows = [
        entry
        for entry in board.complete
        if entry.row.method == method and entry.row.kind in ("method", "floor")
    ]
    return min(rows, key=lambda entry: entry.row.variant == "untuned", default=None)


def _scores(entry: Entry) -> str:
    return f"{number(entry.row.pcc)} ({number(entry.row.pcc_equal_depth)})"


def _name(board: Board, columns: Sequence[Board]) -> str:
    """The data set, and what tells its tables apart where it has several."""
    identity = board.table.identity
    alike = [other for other in columns if other.table.identity.dataset == identity.dataset]
    name = shown_name(identity.dataset)
    return f"{name} ({identity.split}, table {board.table.id})" if len(alike) > 1 else name
