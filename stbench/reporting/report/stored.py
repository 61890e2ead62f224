"""The arrays behind the page's Records, wherever they are stored; a page can be made without them, and says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from stbench.errors import StorageError
from stbench.record import Record, SlideTruth
from stbench.reporting.results.store import RunStore


class SlideArrays(NamedTuple):
    """One slide of one Record: (n_spots, n_genes) predictions and what they were scored against.

    training  what the scores know of the training slides, by name; empty where an older version did not keep it
    """

    record: Record
    prediction: np.ndarray
    truth: SlideTruth
    training: Mapping[str, np.ndarray] = MappingProxyType({})


class StoredArrays:
    """Reads predictions and truths of Records from the results folders that hold them.

    `problems` gathers a sentence for each file that is damaged.
    """

    def __init__(self, folders: Sequence[Path]):
        self._stores = [RunStore(folder) for folder in folders]
        self.problems: list[str] = []

    def of(self, record: Record) -> dict[str, SlideArrays]:
        """The arrays of a Record's slides; empty where none are stored, they came without truth or cannot be read."""
        for store in self._stores:
            if store.holds_arrays(record) and store.holds_truths(record):
                try:
                    return self._read(store, record)
                except StorageError as error:
                    if str(error) not in self.problems:  # several sections ask for the same arrays
                        self.problems.append(str(error))
        return {}

    def _read(self, store: RunStore, record: Record) -> dict[str, SlideArrays]:
        predictions, truths = store.load_predictions(record.key), store.load_truths(record)
        training = store.load_training(record.key)
        return {
            slide: SlideArrays(record, predictions[slide], truths[slide], training)
            for slide in sorted(predictions.keys() & truths.keys())
        }
