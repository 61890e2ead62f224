"""Scores inside annotated regions beside those over the whole slide: how much of a score is tumour against stroma.

A score of a region is the slide's with all other spots left out (metrics/within.py). A slide's mean over regions weighs
each region of at least so many spots alike; means are then taken over slides within patient and over patients, as
everywhere. The whole slide stands beside it on the same slides.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from stbench.errors import UsageError
from stbench.files import hash_value
from stbench.metrics.correlation import MIN_SPOTS
from stbench.metrics.counts import log_expression, pearson_residuals
from stbench.metrics.within import RegionScores, TruthWithin
from stbench.record import Record, SlideTruth
from stbench.reporting import statistics
from stbench.reporting.regions.labels import labels_of, region_sizes
from stbench.reporting.regions.scored import scored_counts, scored_prediction

if TYPE_CHECKING:
    from stbench.reporting.report.stored import StoredArrays
    from stbench.reporting.tables.leaderboard import Table

LEAST_SPOTS = 30
SCORES = RegionScores._fields
Scores = Mapping[str, float | None]


class Part(NamedTuple):
    """Scores over one part of the slides: patient means, and how much they are made of."""

    scores: Scores
    n_slides: int
    n_patients: int | None
    n_spots: int


class Difference(NamedTuple):
    """Mean over patients, None without any, and its 95 % t interval, None below three."""

    mean: float | None
    interval: tuple[float, float] | None


@dataclass(frozen=True)
class WithinRow:
    """One row of a leaderboard inside the regions.

    whole     over the whole of the slides that have a region with enough spots;  mean  over their regions
    regions   region -> its scores
    between   score -> whole less mean over regions, by patient
    """

    label: str
    kind: str
    whole: Part
    mean: Part
    regions: Mapping[str, Part]
    between: Mapping[str, Difference]


@dataclass(frozen=True)
class Within:
    """The rows of one leaderboard inside the regions, in its order.

    least         spots that a region of a slide must have
    n_scored      scored spots of annotated slides;  n_unlabelled  those whose label is none, or says so
    unannotated   slides without any label
    too_few       (slide, region, spots) left out for having too few
    without       rows whose predictions are not kept here
    """

    table: Table
    least: int
    rows: tuple[WithinRow, ...]
    n_scored: int
    n_unlabelled: int
    unlabelled: tuple[str, ...] = ()
    unannotated: tuple[str, ...] = ()
    too_few: tuple[tuple[str, str, int], ...] = ()
    without: tuple[str, ...] = ()


def within_regions(table: Table, stored: StoredArrays, least: int = LEAST_SPOTS) -> Within | None:
    """The rows of a table inside its slides' regions; None where no slide is annotated or no prediction is kept.

    UsageError for a least number of spots of which no score could be made.
    """
    if least < MIN_SPOTS:
        raise UsageError(f"--min-spots must be at least {MIN_SPOTS}, which every score needs; found {least}.")
    found, slides = _Found(least), {}
    for label, record in _by_fold(table.members):
        for name, arrays in stored.of(record).items():
            truth = arrays.truth
            if name not in slides or truth.scored.sum() > slides[name].n_scored:
                slides[name] = _Annotated.of(truth, record.unlabelled)
            found.score(label, record, name, truth, scored_prediction(arrays))
    annotated = {name: slide for name, slide in slides.items() if slide.sizes}
    if not annotated:
        return None
    rows = [row for row in table.rows if row.label in found.by_row]
    return Within(
        table=table,
        least=least,
        rows=tuple(
            _row(row.label, row.kind, found.by_row[row.label], table.members[row.label], annotated, least)
            for row in rows
        ),
        n_scored=sum(slide.n_scored for slide in annotated.values()),
        n_unlabelled=sum(slide.n_scored - sum(slide.sizes.values()) for slide in annotated.values()),
        unlabelled=tuple(
            sorted({word for r in table.members.values() for one in r for word in one.unlabelled})
        ),
        unannotated=tuple(sorted(slides.keys() - annotated.keys())),
        too_few=tuple(
            (name, region, size)
            for name, slide in sorted(annotated.items())
            for region, size in slide.sizes.items()
            if size < least
        ),
        without=tuple(label for label in table.members if label not in found.by_row),
    )


def _by_fold(members: Mapping[str, Sequence[Record]]) -> Iterator[tuple[str, Record]]:
    """Every finished Record with its row's label, fold by fold, so that a slide's truth is prepared once."""
    every = [(label, record) for label, records in members.items() for record in records if record.finished]
    yield from sorted(every, key=lambda pair: pair[1].fold)


class _Annotated(NamedTuple):
    """What is known of a slide's annotation."""

    patient: str | None
    n_scored: int
    sizes: Mapping[str, int]

    @classmethod
    def of(cls, truth: SlideTruth, unlabelled: tuple[str, ...]) -> _Annotated:
        sizes = region_sizes(labels_of(truth, unlabelled))
        return cls(truth.patient, int(truth.scored.sum()), sizes)


@dataclass
class _Found:
    """Scores as they are found: row -> one mapping (slide -> region -> scores) for each seed."""

    least: int
    by_row: dict[str, dict[int, dict[str, dict[str, RegionScores]]]] = field(default_factory=dict)
    _prepared: dict[str, TruthWithin] = field(default_factory=dict)
    _fold: str = ""

    def score(self, label: str, record: Record, slide: str, truth: SlideTruth, prediction) -> None:
        labels = labels_of(truth, record.unlabelled)
        regions = {name: labels == name for name, size in region_sizes(labels).items() if size >= self.least}
        scores = self._truth(record, truth, regions).scores(*prediction) if regions else {}
        self.by_row.setdefault(label, {}).setdefault(record.seed, {})[slide] = scores

    def _truth(self, record: Record, truth: SlideTruth, regions: Mapping[str, np.ndarray]) -> TruthWithin:
        """A slide's truth for one panel, kept as long as Records of the same fold come."""
        if record.fold != self._fold:
            self._fold, self._prepared = record.fold, {}
        name = hash_value(
            [truth.slide, list(truth.genes), record.table.target, list(regions), list(truth.spot_ids)]
        )
        if name not in self._prepared:
            self._prepared[name] = TruthWithin(
                scored_counts(truth),
                truth.array_row_column[truth.scored],
                regions,
                np.random.default_rng(int(hash_value([truth.slide, list(truth.genes)]), 16)),
                pearson_residuals if record.table.target == "pearson" else log_expression,
            )
        return self._prepared[name]


def _row(
    label: str,
    kind: str,
    seeds: Mapping[int, Mapping[str, Mapping[str, RegionScores]]],
    records: Iterable[Record],
    annotated: Mapping[str, _Annotated],
    least: int,
) -> WithinRow:
    patients = {name: slide.patient for name, slide in annotated.items()}
    sizes = {
        name: {region: n for region, n in slide.sizes.items() if n >= least}
        for name, slide in annotated.items()
    }
    by_region = {region: _over_seeds(seeds, region) for region in _largest_first(sizes)}
    means = {score: _over_regions(by_region, score) for score in SCORES}
    scored = {slide for slide, value in means["pcc"].items() if value is not None}
    whole = {score: _of_slides(records, score, scored) for score in SCORES}
    n_all = {name: sum(of_slide.values()) for name, of_slide in sizes.items()}
    return WithinRow(
        label,
        kind,
        _part(whole, patients, {name: annotated[name].n_scored for name in scored}),
        _part(means, patients, n_all),
        {
            region: _part(
                scores, patients, {name: of_slide.get(region, 0) for name, of_slide in sizes.items()}
            )
            for region, scores in by_region.items()
        },
        {score: _difference(whole[score], means[score], patients) for score in SCORES},
    )


def _largest_first(sizes: Mapping[str, Mapping[str, int]]) -> list[str]:
    """Every region, that with the most spots over all slides first."""
    total: dict[str, int] = {}
    for of_slide in sizes.values():
        for region, size in of_slide.items():
            total[region] = total.get(region, 0) + size
    return sorted(total, key=lambda region: (-total[region], region))


def _over_seeds(
    seeds: Mapping[int, Mapping[str, Mapping[str, RegionScores]]], region: str
) -> dict[str, dict[str, float | None]]:
    """Score -> slide -> its value in that region, averaged over seeds."""
    return {
        score: statistics.over_seeds(
            {
                slide: _plain(getattr(of_slide[region], score))
                for slide, of_slide in slides.items()
                if region in of_slide
            }
            for slides in seeds.values()
        )
        for score in SCORES
    }


def _over_regions(by_region: Mapping[str, Mapping[str, Scores]], score: str) -> dict[str, float | None]:
    """Slide -> mean over the regions that have the score there."""
    gathered: dict[str, list[float | None]] = {}
    for scores in by_region.values():
        for slide, value in scores[score].items():
            gathered.setdefault(slide, []).append(value)
    return {slide: statistics.mean(values) for slide, values in gathered.items()}


def _of_slides(records: Iterable[Record], score: str, wanted: set[str]) -> dict[str, float | None]:
    """Slide -> the score over all of it, as the leaderboard has it."""
    return statistics.over_seeds(
        {slide.slide: slide.scores.get(score) for slide in record.slides if slide.slide in wanted}
        for record in records
        if record.finished
    )


def _part(scores: Mapping[str, Scores], patients: Mapping[str, str | None], sizes: Mapping[str, int]) -> Part:
    scored = {slide for slide, value in scores["pcc"].items() if value is not None}
    return Part(
        {score: statistics.over_patients(values, patients) for score, values in scores.items()},
        len(scored),
        statistics.n_scored_patients(scores["pcc"], patients),
        sum(size for slide, size in sizes.items() if slide in scored),
    )


def _difference(whole: Scores, means: Scores, patients: Mapping[str, str | None]) -> Difference:
    """Whole less mean over regions on the slides that have both."""
    both = {
        slide: value - inside
        for slide, value in whole.items()
        if value is not None and (inside := means.get(slide)) is not None
    }
    by_patient = statistics.patient_means(both, patients)
    ends = statistics.t_interval(by_patient.values()) if by_patient else None
    return Difference(statistics.over_patients(both, patients), ends)


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
