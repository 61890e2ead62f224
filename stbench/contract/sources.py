"""Slides on disk that are not read yet: what the plan, and `stbench predict`, need to know of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from stbench.errors import UsageError
from stbench.slide import Slide


@dataclass(frozen=True)
class ReadingOptions:
    """How slides are read where their files leave it open; UsageError for what is no size.

    bin_um        the bin of Visium HD, in microns, None where a slide has one only; of single molecules the edge of
                  the pseudo-spots
    drop_outside  leave out the spots that lie outside their image; they make it unreadable else
    um_per_px     the microns per pixel of slides whose files do not tell them
    """

    bin_um: float | None = None
    drop_outside: bool = False
    um_per_px: float | None = None

    def __post_init__(self) -> None:
        for option, value in (("--bin", self.bin_um), ("--um-per-px", self.um_per_px)):
            if value is not None and not 0 < value < float("inf"):
                raise UsageError(f"{option} must be a positive number of microns; found {value:g}.")

    def given(self) -> dict[str, Any]:
        """What is not as it is by default, by name; {} for nothing."""
        return {f.name: value for f in fields(self) if (value := getattr(self, f.name)) != f.default}


READ_AS_IS = ReadingOptions()


class SlideSource(NamedTuple):
    """A slide that is on disk but not read yet: what the plan needs to know.

    files    every file that the slide's content depends on, by a name that does not depend on the machine
    read     reads it (picklable)
    reading  the options that `read` follows: its content depends on them too
    """

    id: str
    patient: str | None
    files: Mapping[str, Path]
    read: Callable[[], Slide]
    reading: ReadingOptions = READ_AS_IS


class UnmeasuredSlide(NamedTuple):
    """A slide without expression: for `stbench predict`, not for a run.

    read    reads it with its spots, a Slide without genes; None where there is an image alone
    microns  per pixel, as somebody states them beside the image; None where nobody does
    """

    id: str
    image: Path
    read: Callable[[], Slide] | None = None
    microns: float | None = None

    @property
    def words(self) -> str:
        """What it has, and what becomes of it."""
        has = "an image alone" if self.read is None else "an image and its spots"
        return f"no expression ({has}, no counts): stbench predict takes it, a run leaves it out"


class PublishedPatches(NamedTuple):
    """Patches that a dataset's provider cut itself: of which spots, how to read some by index, and their edge.

    read  indices -> (k, edge, edge, 3) uint8
    """

    spot_ids: tuple[str, ...]
    read: Callable[[Sequence[int]], np.ndarray]
    microns: float
