"""The results folder as several runs share it: what is claimed, what lies there, and how a result comes there."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from stbench.errors import StbenchError
from stbench.evaluation.curves import Curves
from stbench.evaluation.shelf import Result
from stbench.reporting.results.claims import Claims
from stbench.reporting.results.state_store import StateStore
from stbench.reporting.results.store import RunStore
from stbench.reporting.results.trial_store import TrialStore

# Up to so many names are looked for one by one; beyond, listing the folder is quicker.
_FEW = 64


@dataclass(frozen=True)
class Keep:
    """Writes results below a folder, from whatever process or machine; picklable.

    before  of trials that go on from another: key -> that one's, whose training state is of no use any more
    """

    out: Path
    before: Mapping[str, str]

    def __call__(self, result: Result) -> None:
        """Have the result lie there; StorageError where that cannot be."""
        if isinstance(result, Curves):
            TrialStore(self.out).save(result.key, result.finished, result.to_plain())
        else:
            RunStore(self.out).save(result)
        if result.key in self.before:
            StateStore(self.out).drop([self.before[result.key]])


class Shared:
    """An agenda's shelf on a results folder.

    refits  keys of the Records that this run is to make
    warn    hears what cannot be read
    anew    for a run that does everything again: whatever lies there does not count, and nothing is shared
    """

    def __init__(
        self,
        out: Path,
        claims: Claims,
        refits: Collection[str],
        keep: Keep,
        warn: Callable[[str], None],
        anew: bool = False,
    ):
        self._store, self._trials, self._claims = RunStore(out), TrialStore(out), claims
        self._refits, self._keep, self._warn, self._anew = set(refits), keep, warn, anew
        # What failed before this run began is tried again; what fails meanwhile is a result.
        self._failed_before = self._trials.failed_stamps()
        self._recorded_before = {
            key: self._store.stamp(key)
            for key in self._store.names() & self._refits
            if not self._store.has_finished(key)
        }
        self._damaged: set[str] = set()

    def claim(self, key: str) -> bool:
        return self._anew or self._claims.claim(key)

    def release(self, key: str) -> None:
        self._claims.release(key)

    def claimed(self) -> set[str]:
        return set() if self._anew else self._claims.of_others()

    def there(self, keys: Collection[str]) -> set[str]:
        """Those of the keys whose results lie there: finished, or failed since this run began."""
        if self._anew or not keys:
            return set()
        refits, trials = self._refits & set(keys), set(keys) - self._refits
        found = self._records_there(refits) | self._trials_there(trials)
        return {key for key in found if key not in self._damaged or self.look(key) is not None}

    def look(self, key: str) -> Result | None:
        """The result of that key; one that cannot be read is named, and is none."""
        try:
            result = self._store.load(key) if key in self._refits else self._curves(key)
        except StbenchError as error:
            if key not in self._damaged:
                self._warn(str(error))
            self._damaged.add(key)
            return None
        self._damaged.discard(key)
        return result

    def keep(self, result: Result) -> None:
        self._damaged.discard(result.key)
        self._keep(result)

    def _curves(self, key: str) -> Curves:
        plain = self._trials.load(key) if self._trials.has(key) else self._trials.load_failed(key)
        try:
            return Curves.from_plain(plain)
        except StbenchError as error:
            raise StbenchError(f"Inner trial {key}: {error} It is done again.") from error

    def _trials_there(self, keys: Collection[str]) -> set[str]:
        if len(keys) <= _FEW:
            finished = {key for key in keys if self._trials.has(key)}
            failed = {key: self._trials.failed_stamp(key) for key in set(keys) - finished}
        else:
            finished, names = self._trials.names()
            failed = {key: self._trials.failed_stamp(key) for key in names & set(keys)}
        return (finished & set(keys)) | {
            key for key, stamp in failed.items() if stamp and stamp != self._failed_before.get(key)
        }

    def _records_there(self, keys: Collection[str]) -> set[str]:
        names = keys if len(keys) <= _FEW else self._store.names() & set(keys)
        stamps = {key: self._store.stamp(key) for key in names}
        return {key for key, stamp in stamps.items() if stamp and stamp != self._recorded_before.get(key)}
