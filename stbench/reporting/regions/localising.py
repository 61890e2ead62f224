"""Where is the tumour? Clusters and probes of what was measured, what was predicted, the image and depth.

Of each test slide, over its scored spots that have a label, tumour against the rest:
    ARI    k-means with k = 2 on up to 30 principal components, mean of 10 seeds of 10 restarts each; 0 is chance
    AUROC  of a logistic probe (metrics/probe.py) that was fitted on other slides; 0.5 is chance

The probe of a test slide is fitted on labelled slides that its fold trains on, never on itself: in the patient split
other patients' alone, in the slide split other sections of its own patient too. Predictions are put to a probe that was
fitted on MEASURED expression of those slides. A probe fitted on predictions would need predictions of the training
slides, and the only honest ones, those of the folds that test them, were made by models that trained on the test slide:
its expression would be in the probe. So the question is whether a prediction carries what tumour looks like in measured
expression.

The genes are those of the fold's panel that what is stored of its training slides holds too. Where each fold chooses
its own panel, that part of it depends on the panels of the other folds, which saw the test slide's counts (never its
labels); with a panel that is fixed it does not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from stbench.metrics.clustering import adjusted_rand
from stbench.metrics.correlation import varies
from stbench.reporting import statistics
from stbench.reporting.regions.probes import Probes
from stbench.reporting.regions.scored import scored_expression, scored_prediction
from stbench.reporting.regions.tumour_slides import TumourSlide, TumourSlides, tumour_slides

if TYPE_CHECKING:
    from stbench.reporting.report.stored import SlideArrays, StoredArrays
    from stbench.reporting.tables.leaderboard import Table

MEASURED, EMBEDDINGS, DEPTH = "measured expression", "embeddings", "depth alone"
REFERENCE = "reference"
# Encoder -> slide -> (n_spots, d) embeddings.
Embeddings = Mapping[str, Mapping[str, np.ndarray]]


class Found(NamedTuple):
    """Both scores of one test slide; None where one is undefined."""

    ari: float | None
    auroc: float | None


class Mean(NamedTuple):
    """A score's mean over patients, its 95 % interval from three patients on, and what it is made of.

    The interval is that of Fisher's z, so that it stays within what the score can be: an area under the curve is
    brought to -1 to 1 for it (twice the area less 1, Somers' D).
    """

    value: float | None
    interval: tuple[float, float] | None
    n_slides: int
    n_patients: int | None


@dataclass(frozen=True)
class LocalisedRow:
    """One source of values: a row of the leaderboard, or something that is no prediction (kind "reference")."""

    label: str
    kind: str
    ari: Mean
    auroc: Mean
    slides: Mapping[str, Found]


@dataclass(frozen=True)
class Localised:
    """Tumour against the rest on the slides of one leaderboard.

    spots       test slide -> (labelled spots, those of tumour)
    trained_on  test slide -> the slides that its probe was fitted on
    n_genes     fewest and most genes of the probes for expression, None without a probe
    left_out    slide -> why it is scored by neither
    no_probe    slide -> why it has no AUROC
    without     rows whose predictions are not kept here
    """

    table: Table
    tumour: tuple[str, ...]
    rows: tuple[LocalisedRow, ...]
    spots: Mapping[str, tuple[int, int]]
    trained_on: Mapping[str, tuple[str, ...]]
    n_genes: tuple[int, int] | None
    left_out: Mapping[str, str] = field(default_factory=dict)
    no_probe: Mapping[str, str] = field(default_factory=dict)
    without: tuple[str, ...] = ()


def localise(
    table: Table, stored: StoredArrays, tumour: Sequence[str] = (), embeddings: Embeddings | None = None
) -> Localised:
    """Tumour against the rest for every row of a table.

    tumour      labels that count as tumour, () for those of the data set's card as the Records have them
    embeddings  encoder -> slide -> (n_spots, d), for the rows of embeddings
    Raises what `tumour_slides` raises.
    """
    slides = tumour_slides(table, stored, tumour)
    probes = Probes(slides.usable)
    rows = [
        *_references(slides.usable, probes, embeddings or {}),
        *_predicted(table, stored, slides, probes),
    ]
    labels = {row.label for row in rows}
    return Localised(
        table=table,
        tumour=slides.tumour,
        rows=tuple(rows),
        spots={name: (len(s.is_tumour), int(s.is_tumour.sum())) for name, s in slides.usable.items()},
        trained_on={name: slide.trained_on for name, slide in slides.usable.items()},
        n_genes=probes.n_genes,
        left_out=slides.left_out,
        no_probe=probes.refused,
        without=tuple(label for label in table.members if label not in labels),
    )


def _references(
    slides: Mapping[str, TumourSlide], probes: Probes, embeddings: Embeddings
) -> Iterator[LocalisedRow]:
    """What is no prediction: measured expression, embeddings, depth."""
    measured = {name: scored_expression(slide.truth, slide.record) for name, slide in slides.items()}
    found = {
        name: Found(_clustered(slide, measured[name]), probes.of_expression(slide, measured[name]))
        for name, slide in slides.items()
    }
    yield _averaged(MEASURED, REFERENCE, [found], slides)
    for label, values in _alike_everywhere(slides, embeddings).items():
        found = {
            name: Found(_clustered(slides[name], of_slide), probes.of_values(slides[name], values))
            for name, of_slide in values.items()
        }
        yield _averaged(label, REFERENCE, [found], slides)


def _alike_everywhere(
    slides: Mapping[str, TumourSlide], embeddings: Embeddings
) -> dict[str, dict[str, np.ndarray]]:
    """What is had of every slide without a panel: row -> slide -> (n scored spots, d)."""
    found = {
        f"{EMBEDDINGS} of {encoder}": {
            name: np.asarray(values[slides[name].truth.scored], dtype=np.float64)
            for name, values in of_slides.items()
            if name in slides
        }
        for encoder, of_slides in embeddings.items()
    }
    found[DEPTH] = {
        name: np.log1p(np.asarray(slide.truth.totals[slide.truth.scored], dtype=np.float64))[:, None]
        for name, slide in slides.items()
    }
    return {label: values for label, values in found.items() if values}


def _predicted(
    table: Table, stored: StoredArrays, slides: TumourSlides, probes: Probes
) -> Iterator[LocalisedRow]:
    """The rows of the table, scores averaged over seeds."""
    for row in table.rows:
        seeds: dict[int, dict[str, Found]] = {}
        for record in table.members.get(row.label, ()):
            for name, arrays in stored.of(record).items() if record.finished else ():
                if name in slides.usable:
                    seeds.setdefault(record.seed, {})[name] = _of_prediction(arrays, slides, probes)
        if seeds:
            yield _averaged(row.label, row.kind, list(seeds.values()), slides.usable)


def _of_prediction(arrays: SlideArrays, slides: TumourSlides, probes: Probes) -> Found:
    """Both scores of one prediction, on the spots and genes that it has."""
    here = TumourSlide.of(arrays.truth, arrays.record, slides.tumour)
    if here.unusable:
        return Found(None, None)
    here = here._replace(trained_on=slides.usable[here.name].trained_on)
    values, constant_below = scored_prediction(arrays)
    varying = varies(values, constant_below)
    known = _known_ari(arrays, slides.tumour)
    clustered = _clustered(here, values[:, varying]) if known is None else known
    return Found(clustered, probes.of_expression(here, np.where(varying, values, 0.0)))


def _known_ari(arrays: SlideArrays, tumour: Sequence[str]) -> float | None:
    """The index that the Record holds, if it was scored with these labels: it is the same, and k-means takes time."""
    if set(arrays.record.tumour_labels) != set(tumour):
        return None
    scored = (slide.scores for slide in arrays.record.slides if slide.slide == arrays.truth.slide)
    return next((scores.get("ari_tumour") for scores in scored), None)


def _clustered(slide: TumourSlide, values: np.ndarray) -> float | None:
    found = adjusted_rand(slide.labelled(values), slide.is_tumour)
    return None if np.isnan(found) else found


def _averaged(
    label: str, kind: str, seeds: Sequence[Mapping[str, Found]], slides: Mapping[str, TumourSlide]
) -> LocalisedRow:
    ari, probed = (
        statistics.over_seeds({name: found[place] for name, found in of_seed.items()} for of_seed in seeds)
        for place in range(len(Found._fields))
    )
    patients = {name: slide.truth.patient for name, slide in slides.items()}
    by_slide = {name: Found(ari[name], probed[name]) for name in sorted(ari)}
    return LocalisedRow(
        label,
        kind,
        mean_over_patients(ari, patients),
        mean_over_patients(probed, patients, lowest=0.0),
        by_slide,
    )


def mean_over_patients(
    scores: Mapping[str, float | None], patients: Mapping[str, str | None], lowest: float = -1.0
) -> Mean:
    """The mean of a score that is at least `lowest` and at most 1."""
    by_patient = statistics.patient_means(scores, patients)
    half = (1 - lowest) / 2
    stretched = [(value - lowest) / half - 1 for value in (by_patient or {}).values()]
    ends = statistics.score_interval(stretched, correlation=True)
    return Mean(
        statistics.over_patients(scores, patients),
        (lowest + (ends[0] + 1) * half, lowest + (ends[1] + 1) * half) if ends else None,
        statistics.n_scored_slides(scores),
        statistics.n_scored_patients(scores, patients),
    )
