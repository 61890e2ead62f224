"""Scoring stored predictions again: does every number of a bundle follow, and from a truth that can be believed?

Without the data set only the arithmetic can be checked: that scores follow from the predictions and the truth in the
bundle, which its sender wrote both. With it, fold, panel, truth and training summary are made anew from the provider's
files, and the predictions are scored against those.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from stbench.commands.given_data import GivenData
from stbench.commands.scored_again import Checked, StoredTruths, check_scores
from stbench.errors import StbenchError, UsageError
from stbench.record import PROTOCOL_VERSION, Record, SlideTruth
from stbench.reporting.results.bundles import opened_bundle
from stbench.reporting.results.store import RunStore


@dataclass(frozen=True)
class Verified:
    """One Record: `problem` is None where every number came out again, else what differs or why it cannot be told.

    against_data   whether it was scored against the data set's own files, not against what lies beside it
    """

    record: Record
    n_numbers: int
    problem: str | None
    against_data: bool = False


def verify(bundle: Path, data_root: Path | None = None) -> Iterator[Verified | str]:
    """Recompute every metric of every finished Record of a bundle or results folder.

    data_root  where the data sets lie, or the slides of a folder of one's own; None for no comparison with data
    Yields a sentence in place of each file that is damaged. UsageError where there is no such file or folder.
    """
    if not bundle.exists():
        raise UsageError(
            f"{bundle} is not there; name a bundle that `stbench bundle` wrote, or a results folder."
        )
    if data_root is not None and not data_root.is_dir():
        raise UsageError(f"--data-root {data_root} is no folder; name the one that holds the data sets.")
    if bundle.is_dir():
        yield from _verify_folder(bundle, data_root)
        return
    with opened_bundle(bundle) as folder:
        yield from _verify_folder(folder, data_root)


def _verify_folder(out: Path, data_root: Path | None) -> Iterator[Verified | str]:
    store = RunStore(out)
    records, problems = store.records()
    yield from problems
    data, stored = GivenData(data_root), StoredTruths()
    for record in sorted(records, key=lambda r: (str(r.table), r.fold, r.row.method, r.key)):
        if record.finished:
            yield _verified(store, record, data, stored)


def _verified(store: RunStore, record: Record, data: GivenData, stored: StoredTruths) -> Verified:
    if record.table.protocol != PROTOCOL_VERSION:
        return Verified(record, 0, _older(record))
    at_hand = data.is_at_hand(record)
    try:
        checked = _against_data(store, record, data) if at_hand else _by_itself(store, record, stored)
    except StbenchError as error:
        return Verified(record, 0, str(error), at_hand)
    return Verified(record, checked.n_numbers, checked.problem or None, at_hand)


def _against_data(store: RunStore, record: Record, data: GivenData) -> Checked:
    predictions = store.load_predictions(record.key)
    if not predictions:
        return Checked(0, "its predictions are not kept here")
    problem = data.problem(record, kept_truths(store, record))
    return Checked(0, problem) if problem else check_scores(record, predictions, data)


def _by_itself(store: RunStore, record: Record, stored: StoredTruths) -> Checked:
    predictions, training = store.load_predictions(record.key), store.load_training(record.key)
    if not predictions or not training:
        return Checked(0, "its predictions or training summary are not kept here")
    truths = kept_truths(store, record)
    if set(truths) != set(record.test_slides):
        return Checked(0, "it came without truth, and the data is not at hand: name it with --data-root")
    stored.take(truths, training)
    return check_scores(record, predictions, stored)


def kept_truths(store: RunStore, record: Record) -> Mapping[str, SlideTruth]:
    """The truths of a Record as far as they lie in its folder; StorageError for a damaged one."""
    return store.load_truths(record) if store.holds_truths(record) else {}


def _older(record: Record) -> str:
    return (
        f"it was scored by protocol {record.table.protocol}, whose scores are defined otherwise; today's is "
        f"{PROTOCOL_VERSION}. Verify it with the stbench that made it"
        f" ({record.provenance.get('stbench') or 'version not stated'})."
    )
