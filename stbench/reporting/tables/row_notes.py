"""What a reader of a leaderboard row must know besides its numbers, in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from stbench.record import Record
from stbench.reporting.tables.alike_notes import summarised


def missing_folds(records: Sequence[Record]) -> list[str]:
    """'4 of 5 slides' for every seed that has not finished all its folds; nothing where all is done."""
    seeds = sorted({record.seed for record in records})
    unit = "patients" if records[0].table.split == "patient" else "slides"
    n_folds = max(record.n_folds for record in records)
    sentences = []
    for seed in seeds:
        n_finished = len({record.fold for record in records if record.seed == seed and record.finished})
        if n_finished < n_folds:
            prefix = f"seed {seed}: " if len(seeds) > 1 else ""
            sentences.append(f"{prefix}{n_finished} of {n_folds} {unit}")
    return sentences


def remarks(records: Sequence[Record], patients_stated: bool, older_exist: bool) -> list[str]:
    """Failures, settings given by hand, patients, older results, and what the Records' own notes come to."""
    n_failed = sum(not record.finished for record in records)
    overrides = ", ".join(f"{name}={value}" for name, value in records[0].row.overrides)
    sentences = [
        f"{n_failed} failed" if n_failed else "",
        f"set by hand: {overrides}" if overrides else "",
        "" if patients_stated else "patients not stated: plain slide mean",
        "older results of it exist" if older_exist else "",
        *summarised((note for record in records for note in record.notes), _slides(records)),
    ]
    return _distinct(filter(None, sentences))


def _slides(records: Sequence[Record]) -> set[str]:
    return {slide for record in records for slide in (*record.train_slides, *record.test_slides)}


def by_holders(remarks_of: Iterable[tuple[str, Iterable[str]]]) -> dict[tuple[str, ...], list[str]]:
    """Names of rows -> the remarks that hold for just these, given each row's name and its remarks."""
    holders: dict[str, list[str]] = {}
    for name, own in remarks_of:
        for remark in _distinct(own):
            holders.setdefault(remark, []).append(name)
    together: dict[tuple[str, ...], list[str]] = {}
    for remark, names in holders.items():
        together.setdefault(tuple(names), []).append(remark)
    return together


def failure_reasons(records: Iterable[Record]) -> dict[str, str]:
    """Why a slide has no result, by slide; the seed is named where there are several."""
    records = list(records)
    several = len({record.seed for record in records}) > 1
    reasons: dict[str, list[str]] = {}
    for record in records:
        if record.failure is not None:
            reason = f"seed {record.seed}: {record.failure}" if several else record.failure
            for slide in record.test_slides:
                reasons.setdefault(slide, []).append(reason)
    return {slide: "; ".join(_distinct(texts)) for slide, texts in reasons.items()}


def _distinct(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))
