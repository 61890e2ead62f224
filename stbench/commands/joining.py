"""Records of a results folder and of bundles, as tables may show them: what a file only claims is derived or checked.

Own Records are believed but for what follows from others: kind, leaky mark and origin of the panel are derived. A
bundle's predictions are scored again against a truth and a training summary of one's own where a Record of the same
fold and genes has one; what does not come out is left out and said, what has none is marked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from stbench import registry
from stbench.errors import StbenchError
from stbench.files import hash_value
from stbench.preprocess.genes import GenePanel, origin
from stbench.record import PROTOCOL_VERSION, Record
from stbench.reporting.results.merging import merged
from stbench.reporting.results.store import RunStore

if TYPE_CHECKING:
    from stbench.commands.scored_again import StoredTruths

UNKNOWN = "truth not checked here"
# Kinds that no plugin's card states.
_NOT_PLUGINS = ("released", "external")


def joined_records(folders: Sequence[tuple[str, Path]]) -> tuple[list[Record], list[str]]:
    """The Records of all folders, the first one's own, and a sentence for each that cannot be used.

    StorageError where two of them hold different results of one job.
    """
    (own_name, own_folder), *bundles = folders
    store = RunStore(own_folder)
    own, problems = store.records()
    sources = [(own_name, [derived(record) for record in own])]
    evidence = _Evidence(store, own)
    for name, folder in bundles:
        given = RunStore(folder)
        records, damaged = given.records()
        problems += damaged
        believed = [_checked(name, given, derived(record), evidence) for record in records]
        sources.append((name, [entry for entry in believed if isinstance(entry, Record)]))
        problems += _summarised(entry for entry in believed if isinstance(entry, str))
    return merged(sources), problems


def derived(record: Record) -> Record:
    """The Record with kind, leaky mark, origin and hash of its panel as they follow from its recipe and its genes."""
    try:
        leaky, note = origin(record.table.genes)
    except StbenchError:
        leaky, note = record.leaky, record.panel_note
    return replace(
        record,
        kind=_kind(record),
        leaky=leaky,
        panel_hash=GenePanel(record.panel_genes).hash if record.panel_genes else "",
        # The recipe's own words stand first in what a run adds to them.
        panel_note=record.panel_note if record.panel_note.startswith(note) else note,
    )


def _kind(record: Record) -> str:
    """What the method's card says; of a method that is not here, nothing better than "method"; an ablation is one."""
    if record.ablation:
        return "ablation"
    if record.kind in _NOT_PLUGINS:
        return record.kind
    known = registry.method_sources()
    return registry.method_card(record.row.method).kind if record.row.method in known else "method"


class _Evidence:
    """Truths and training summaries of one's own, by fold and genes."""

    def __init__(self, store: RunStore, records: Iterable[Record]):
        self.store = store
        self._records = {
            _same_question(record): record
            for record in records
            if record.finished and record.table.protocol == PROTOCOL_VERSION
        }

    @cached_property
    def judging(self) -> StoredTruths:
        """What scores again takes a second to load, and most tables are of one folder."""
        from stbench.commands.scored_again import StoredTruths

        return StoredTruths()

    def of(self, record: Record) -> Record | None:
        """A Record of one's own that was scored against what `record` ought to have been scored against."""
        found = self._records.get(_same_question(record))
        return found if found is not None and self.store.holds_truths(found) else None


def _same_question(record: Record) -> str:
    """What decides truth and training summary: data, fold and genes, however settings were chosen."""
    table = record.table
    recipe = [table.dataset, table.data, table.split, table.target, table.min_counts, table.protocol]
    folds = [record.fold, record.train_slides, record.test_slides]
    return hash_value([*recipe, *folds, list(record.panel_genes)])


def _checked(name: str, given: RunStore, record: Record, evidence: _Evidence) -> Record | str:
    """A bundle's Record as it may be shown, or why it may not."""
    from stbench.commands.scored_again import check_scores

    if not record.finished:
        return record
    own = evidence.of(record)
    try:
        predictions = given.load_predictions(record.key) if own else {}
        if own is None or not predictions:
            return replace(record, truth_unknown=UNKNOWN)
        evidence.judging.take(evidence.store.load_truths(own), evidence.store.load_training(own.key))
        own_words = {"unlabelled": own.unlabelled, "tumour_labels": own.tumour_labels}
        problem = check_scores(replace(record, **own_words), predictions, evidence.judging).problem
    except StbenchError as error:
        problem = str(error)
    if problem:
        return (
            f"{name}: {record.row.method} is left out; against your own data, fold {record.fold}: {problem}"
        )
    return record


def _summarised(refusals: Iterable[str]) -> list[str]:
    """One sentence a method, whatever the number of folds."""
    by_method: dict[str, list[str]] = {}
    for refusal in refusals:
        by_method.setdefault(refusal.partition(";")[0], []).append(refusal)
    return [
        first + (f" (and {len(more)} more Records of it)" if more else "") + "."
        for first, *more in by_method.values()
    ]


def terms_of(records: Iterable[Record]) -> Mapping[str, str]:
    """Data set -> the terms that its card states, for the data sets of some Records."""
    names = sorted({record.table.dataset for record in records})
    terms = {}
    for name in names:
        try:
            terms[name] = " ".join(registry.dataset_card(name.partition(":")[0]).licence.split())
        except StbenchError:
            terms[name] = "not stated: this data set's card is not here"
    return terms
