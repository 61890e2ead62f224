"""Data sets that only a person can fetch: how they are spoken of, and the steps that their provider's terms ask for."""

from __future__ import annotations

from pathlib import PurePath

from stbench.contract import DatasetCard

_SHOWS = "shows what to fetch by hand and where to put it"


def is_by_hand(download: str) -> bool:
    """Whether a card's words on its download say that a person has to do it."""
    return download.casefold().startswith("by hand")


def fetch_words(name: str, card: DatasetCard) -> str:
    """The command that brings a data set to disk, or what it does where it cannot."""
    command = f"stbench datasets fetch {name}"
    return f"{command} {_SHOWS}" if is_by_hand(card.download) else command


def steps(text: str) -> list[str]:
    """Instructions as lines: a sentence or numbered step each, and each path by itself, indented."""
    lines: list[str] = []
    for line in text.splitlines():
        words = line.strip()
        if _is_path(words):
            lines.append(f"   {words}")
        elif not lines or words[:1].isdigit() or _is_path(lines[-1].strip()):
            lines.append(words)
        else:
            lines[-1] = f"{lines[-1]} {words}"
    return lines


def _is_path(words: str) -> bool:
    return PurePath(words.partition(" ")[0]).is_absolute()
