"""Which slides a run read, as MLflow shows its data sets: by name, with a hash of what lay in the files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

from stbench.files import hash_value
from stbench.names import printable
from stbench.record import Record

_LONGEST_NAME = 500
_LONGEST_SOURCE = 60_000


class Slides(NamedTuple):
    """Slides in MLflow's words.

    digest   tells them and their files from others;  context  what they were for
    source   where they come from;  profile  which they are: JSON, both
    """

    name: str
    digest: str
    context: str
    source: str
    profile: str


def slides_of_record(record: Record) -> list[Slides]:
    """A Record's training slides and its test slides."""
    parts = (("training", record.train_slides), ("testing", record.test_slides))
    return [slides_in_words(record, names, context) for context, names in parts if names]


def slides_of_table(records: Sequence[Record]) -> list[Slides]:
    """All slides that a row's table is of."""
    return [slides_in_words(records[0], records[0].table.slides, "evaluation")]


def slides_in_words(record: Record, names: Sequence[str], context: str) -> Slides:
    """Some slides of the data set of a Record."""
    return named_slides(record.table.dataset, record.table.data, names, context)


def named_slides(dataset: str, data: str, names: Sequence[str], context: str) -> Slides:
    """Some slides of a data set; `data` is the hash of all of its slides' files."""
    source = {"tags": {"stbench.dataset": printable(dataset), "stbench.data": data}}
    profile = {"n_slides": len(names), "slides": [printable(name) for name in names]}
    return Slides(
        printable(dataset)[:_LONGEST_NAME],
        hash_value([data, list(names)]),
        context,
        json.dumps(source)[:_LONGEST_SOURCE],
        json.dumps(profile),
    )
