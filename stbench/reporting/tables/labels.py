"""A name of its own for every row of a table: what differs between rows that would be called the same is added."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from stbench.reporting.tables.row import Row

# Kinds that see images in their own way, whatever the others' encoder.
_ELSEWHERE = ("external", "released")


def with_distinct_labels(rows: Sequence[Row]) -> list[Row]:
    """The rows with labels that tell them apart, and marked where a row of today's source stands beside them.

    Added, until it suffices: the encoder (wherever a table has several), the budget, the kind, the plugin's source.
    """
    found = list(rows)
    if len({row.encoder for row in rows if row.kind not in _ELSEWHERE}) > 1:
        found = [row if row.kind in _ELSEWHERE else _told_apart(row, _encoder(row)) for row in found]
    for words in (_budget, _kind, _source):
        found = _where_needed(found, words)
    current = {_without_source(row) for row in found if not row.changed}
    return [
        replace(
            row, replaced=True, ranked=False, notes=(*row.notes, "made anew with the plugin as it is today")
        )
        if row.changed and _without_source(row) in current
        else row
        for row in found
    ]


def _where_needed(rows: Sequence[Row], words: Callable[[Row], str]) -> list[Row]:
    """The rows with these words added to labels that several have, if the words differ at all."""
    uses = Counter(row.label for row in rows)
    differ = {
        label: len({words(row) for row in rows if row.label == label}) > 1
        for label, n in uses.items()
        if n > 1
    }
    return [_told_apart(row, words(row)) if differ.get(row.label) else row for row in rows]


def _told_apart(row: Row, words: str) -> Row:
    return replace(row, apart=", ".join(filter(None, (row.apart, words))))


def _encoder(row: Row) -> str:
    return (row.encoder or "no encoder").partition("@")[0]


def _budget(row: Row) -> str:
    return row.budget or "no bound"


def _kind(row: Row) -> str:
    return row.kind


def _source(row: Row) -> str:
    return f"source {row.source[:8] or 'unknown'}"


def _without_source(row: Row) -> tuple[object, ...]:
    return row.method, row.variant, repr(sorted(row.overrides.items())), row.budget, row.encoder, row.kind
