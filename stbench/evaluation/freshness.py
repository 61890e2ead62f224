"""What a plan was made from, and whether that is still so: an edited file must not give a result under an old key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from stbench.contract import SlideSource
from stbench.errors import UsageError
from stbench.evaluation.contestant import Contestant
from stbench.files import hash_files, hash_tree, hash_value

# Source that a number passes through on its way from slide to Record.
_HARNESS = (
    "slide.py",
    "slide_files",
    "contract",
    "nn",
    "preprocess",
    "metrics",
    "models",
    "evaluation",
)


def harness_hash() -> str:
    """Hash of the harness's own source, as far as numbers pass through it."""
    package = Path(__file__).resolve().parents[1]
    return hash_value({name: hash_tree(package / name) for name in _HARNESS})


def content_hash(source: SlideSource) -> str:
    """Hash of what a slide is: its files, and how they are read where that is not as by default."""
    files, given = hash_files(source.files), source.reading.given()
    return hash_value([files, given]) if given else files


class MadeFrom(NamedTuple):
    """Hashes of what a plan depends on: the harness, the dataset's reader, each slide's files."""

    harness: str
    dataset: str
    slides: Mapping[str, str]

    @classmethod
    def today(cls, dataset_source: str, sources: Sequence[SlideSource]) -> MadeFrom:
        """Of what lies on disk now."""
        return cls(harness_hash(), dataset_source, {source.id: content_hash(source) for source in sources})

    def check(self, contestant: Contestant, sources: Iterable[SlideSource]) -> None:
        """UsageError, one sentence, unless harness, plugin and slides are what they were when the plan was made."""
        changed = [source.id for source in sources if content_hash(source) != self.slides[source.id]]
        if changed:
            what = f"The files of slide {', '.join(changed)}"
        elif contestant.place.module and hash_tree(contestant.place.folder) != contestant.source:
            what = f"The source of {contestant.name}"
        elif harness_hash() != self.harness:
            what = "The source of stbench itself"
        else:
            return
        raise UsageError(
            f"{what} changed after this run was planned, so that its result would be filed under what it is not; "
            "what is stored is kept: run the same command again."
        )
