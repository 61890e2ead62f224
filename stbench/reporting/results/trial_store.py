"""Inner trials on disk, each in a file of its own, for every run that shares the folder.

out/trials/<first two digits of the key>/<key>.json          a finished one
                                         <key>.failed.json   one that failed: shown, and tried again by the next run

What lies there and what it is called says whether it is done, so that nobody who counts has to open it.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from stbench.errors import StorageError
from stbench.files import replacing, stamp_of

FORMAT = 1
_FAILED = ".failed"


class TrialStore:
    """The inner trials below one results folder, as plain values."""

    def __init__(self, out: Path):
        self.folder = Path(out) / "trials"

    def save(self, key: str, finished: bool, plain: Mapping[str, Any]) -> None:
        """Write a trial in one step; one that failed earlier is forgotten. StorageError where that cannot be."""
        text = json.dumps({"format": FORMAT, "trial": dict(plain)}, allow_nan=False, separators=(",", ":"))
        with replacing(self._file(key, finished)) as temporary:
            temporary.write_text(text + "\n", encoding="utf-8")
        if finished:
            self._file(key, finished=False).unlink(missing_ok=True)

    def has(self, key: str) -> bool:
        """Whether a finished trial of that key lies here."""
        return self._file(key, finished=True).is_file()

    def load(self, key: str) -> dict[str, Any]:
        """A finished trial; StorageError, one sentence, where its file is missing, cut short or of another key."""
        return self._read(self._file(key, finished=True), key)

    def load_failed(self, key: str) -> dict[str, Any]:
        """What a trial that failed left; StorageError as for a finished one."""
        return self._read(self._file(key, finished=False), key)

    def failed_stamp(self, key: str) -> tuple[int, ...]:
        """What tells one failure of a trial from the next; () where it has not failed."""
        return stamp_of(self._file(key, finished=False))

    def failed_stamps(self) -> dict[str, tuple[int, ...]]:
        """The stamps of all trials that failed when they were last tried."""
        return {key: self.failed_stamp(key) for key in self.names()[1]}

    def failed(self, keys: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Those of `keys` that failed when they were last tried."""
        _, failed = self.names()
        found = {}
        for key in keys:
            if key in failed:
                with contextlib.suppress(StorageError):
                    found[key] = self._read(self._file(key, finished=False), key)
        return found

    def names(self) -> tuple[set[str], set[str]]:
        """Keys of all finished and of all failed trials, by their files' names alone."""
        finished, failed = set[str](), set[str]()
        for name in self._names():
            key = name.removesuffix(".json")
            (failed if key.endswith(_FAILED) else finished).add(key.removesuffix(_FAILED))
        return finished, failed - finished

    def _names(self) -> Iterator[str]:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):  # saving says what is wrong with it
            for folder in os.scandir(self.folder):
                if folder.is_dir():
                    yield from (
                        f.name for f in os.scandir(folder) if f.name.endswith(".json") and f.name[0] != "."
                    )

    def _file(self, key: str, finished: bool) -> Path:
        return self.folder / key[:2] / f"{key}{'' if finished else _FAILED}.json"

    def _read(self, path: Path, key: str) -> dict[str, Any]:
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise StorageError(f"{path} cannot be read: {error.strerror or error}.") from error
        except (ValueError, RecursionError) as error:
            raise StorageError(
                f"{path} is damaged (it is cut short or no JSON); the trial is done again."
            ) from error
        trial = document.get("trial") if isinstance(document, dict) else None
        if not isinstance(trial, dict) or document.get("format") != FORMAT:
            raise StorageError(f"{path} is no trial of format {FORMAT}; the trial is done again.")
        if trial.get("key") != key:
            raise StorageError(
                f"{path} holds the trial {trial.get('key')}, not the one that it is named after; it is done again."
            )
        return trial
