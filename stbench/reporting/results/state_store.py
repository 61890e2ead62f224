"""Where stages of a training ended, on disk, until the next stage has gone on: out/states/<two digits>/<key>.npz.

Nothing is lost with such a file: a stage without it trains from the beginning, to the same numbers.
"""

from __future__ import annotations

import contextlib
import json
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from stbench.errors import StorageError
from stbench.files import replacing

_PLAIN = "plain"
_ARRAY = "array "

# A training's state: arrays by name, and plain values.
State = tuple[Mapping[str, np.ndarray], Mapping[str, Any]]


class StateStore:
    """The training states below one results folder."""

    def __init__(self, out: Path):
        self.folder = Path(out) / "states"

    def save(self, key: str, state: State) -> None:
        """Keep the state that a trial ended with; a disk that is full costs the next stage time and nothing else."""
        of_state, plain = state
        text = np.frombuffer(json.dumps(dict(plain), allow_nan=False).encode(), np.uint8)
        arrays = {_ARRAY + name: array for name, array in of_state.items()}
        with contextlib.suppress(StorageError), replacing(self._file(key)) as temporary:
            np.savez(temporary, **{_PLAIN: text, **arrays})  # type: ignore[arg-type]

    def load(self, key: str) -> State | None:
        """The state that a trial ended with; None where it is not there, or not whole."""
        try:
            with np.load(self._file(key), allow_pickle=False) as stored:
                plain = json.loads(stored[_PLAIN].tobytes())
                names = [name for name in stored.files if name != _PLAIN]
                return {name.removeprefix(_ARRAY): stored[name] for name in names}, plain
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None

    def drop(self, keys: Iterable[str]) -> None:
        """Forget the states of these trials: nobody will go on from them."""
        for key in keys:
            with contextlib.suppress(OSError):
                self._file(key).unlink(missing_ok=True)

    def _file(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.npz"
