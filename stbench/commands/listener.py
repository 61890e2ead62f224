"""Whoever hears how a run goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stbench.commands.printed_words import print_words
from stbench.record import Record

if TYPE_CHECKING:
    from stbench.commands.expected import Expected
    from stbench.evaluation.curves import Curves


class Listener:
    """Hears how a run goes; every method may be left as it is."""

    def encoding(self, slide: str, done: int, total: int) -> None:
        """Patches of a slide embedded so far."""

    def slide_made(self, done: int, total: int) -> None:
        """On a cluster, slides whose embeddings and patches are made so far."""

    def starting(self, expected: Expected, workers: int) -> None:
        """What the trials to do are expected to take, and by how many workers they will be done."""

    def fitting(self, label: str, done: int, total: int, score: float | None) -> None:
        """Epochs of a fit done so far, and its latest validation score."""

    def tried(self, curves: Curves) -> None:
        """An inner trial was stored."""

    def found(self, key: str) -> None:
        """Another run came to the result of that key."""

    def recorded(self, record: Record, done: int, total: int) -> None:
        """A Record was stored; that many of those that were asked for are done."""

    def warning(self, sentence: str) -> None:
        """Something a person should know that does not stop the run."""

    def printed(self, words: str) -> None:
        """What a method printed during a trial."""
        print_words(words)
