"""Slides as a trial is handed them: small arrays themselves, embeddings and patches as the cached files that hold them.

A file is opened before the plugin's code is loaded, and mapped: nothing is copied, the file's name is not passed on,
and what is written to such an array stays with the process that wrote it.
"""

from __future__ import annotations

import mmap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from stbench.slide import QuerySlide, TrainingSlide


class MappedArray(NamedTuple):
    """An array that lies in a file, and which of its rows count (None for all)."""

    path: Path
    rows: np.ndarray | None = None

    @classmethod
    def of(cls, array: np.ndarray, rows: np.ndarray | None = None) -> MappedArray:
        """Where a cached array lies that is mapped from its file."""
        return cls(Path(str(array.filename)), rows)  # type: ignore[attr-defined]  # a numpy.memmap

    def open(self) -> np.ndarray:
        """The rows, read-only; the file itself where all of them count."""
        with self.path.open("rb") as file:
            version = np.lib.format.read_magic(file)
            header = {(1, 0): np.lib.format.read_array_header_1_0}.get(
                version, np.lib.format.read_array_header_2_0
            )
            shape, fortran, kind = header(file)
            start = file.tell()
            # Copied on writing: torch takes no heed of an array that may only be read.
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        whole = np.ndarray(shape, kind, mapped, start, order="F" if fortran else "C")
        array = whole if self.rows is None else whole[self.rows]
        array.flags.writeable = False
        return array


@dataclass(frozen=True, eq=False)
class Handout:
    """A slide to train on or to predict, unopened.

    facts       its plain fields: id, platform, microns per pixel; a training slide's group
    arrays      its small arrays by the field's name
    embeddings  where they lie, None where the method does not ask for them
    patches     edge in pixels -> where they lie
    gram        where the Gram matrix of a training slide's embeddings lies, None where it is not handed out
    """

    trains: bool
    facts: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray]
    embeddings: MappedArray | None = None
    patches: Mapping[int, MappedArray] = field(default_factory=dict)
    gram: MappedArray | None = None

    @property
    def n_spots(self) -> int:
        return len(self.arrays["pixel_xy"])

    def open(self) -> TrainingSlide | QuerySlide:
        """The slide as a method sees it, its arrays read-only."""
        small = {name: _read_only(array) for name, array in self.arrays.items()}
        large = {
            "embeddings": self.embeddings and self.embeddings.open(),
            "patches": {edge: mapped.open() for edge, mapped in self.patches.items()},
        }
        if not self.trains:
            return QuerySlide(**self.facts, **small, **large)
        return TrainingSlide(**self.facts, **small, **large, gram=self.gram and self.gram.open())


def _read_only(array: np.ndarray) -> np.ndarray:
    """The same numbers in memory of their own, which cannot be written to."""
    if array.flags.writeable or not array.flags.owndata:
        array = array.copy()
        array.flags.writeable = False
    return array


def packed(handouts: Sequence[Handout]) -> tuple[list[dict[str, Any]], list[np.ndarray]]:
    """The handouts as plain values that name arrays by number, and these arrays."""
    arrays: list[np.ndarray] = []

    def number(array: np.ndarray | None) -> int | None:
        if array is None:
            return None
        arrays.append(array)
        return len(arrays) - 1

    def mapped(found: MappedArray) -> list[Any]:
        return [str(found.path), number(found.rows)]

    plain = [
        {
            "trains": handout.trains,
            "facts": dict(handout.facts),
            "arrays": {name: number(array) for name, array in handout.arrays.items()},
            "embeddings": mapped(handout.embeddings) if handout.embeddings else None,
            "patches": [[edge, *mapped(found)] for edge, found in handout.patches.items()],
            "gram": mapped(handout.gram) if handout.gram else None,
        }
        for handout in handouts
    ]
    return plain, arrays


def unpacked(plain: Sequence[Mapping[str, Any]], arrays: Sequence[np.ndarray]) -> list[Handout]:
    """What `packed` was given."""

    def mapped(path: str, rows: int | None) -> MappedArray:
        return MappedArray(Path(path), None if rows is None else arrays[rows])

    return [
        Handout(
            trains=slide["trains"],
            facts=slide["facts"],
            arrays={name: arrays[number] for name, number in slide["arrays"].items()},
            embeddings=mapped(*slide["embeddings"]) if slide["embeddings"] else None,
            patches={edge: mapped(*where) for edge, *where in slide["patches"]},
            gram=mapped(*slide["gram"]) if slide["gram"] else None,
        )
        for slide in plain
    ]
