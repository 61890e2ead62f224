"""The trust card of a model: what its method scored on its data set, gene by gene, from stored Records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from stbench.commands.prepared_run import PreparedRun
from stbench.evaluation.contestant import Contestant
from stbench.models.model_card import GeneTrust, Score, SlideTrust, TrustCard
from stbench.record import Record, SlideScores
from stbench.reporting.statistics import score_interval
from stbench.reporting.tables.floors import FLOORS

CORRELATIONS = ("pcc", "pcc_given_depth", "pcc_equal_depth")
_DIGITS = 4

# patient (slide where patients are not stated) -> gene -> mean over its slides and seeds
_ByPatient = Mapping[str, Mapping[str, float]]


def trust_card(prepared: PreparedRun, contestant: Contestant, genes: Sequence[str]) -> TrustCard:
    """Three correlations a gene with their intervals, its null and ceiling, and its PCC by patient.

    genes  of the model's panel; one that no fold's panel held has no score
    Records of the same table, method, preset and settings count, of whatever source; the card says where that
    was another.
    """
    every = [record for record in prepared.store.records()[0] if record.table == prepared.plan.table]
    own = [record for record in every if _is_of(record, contestant) and record.finished]
    lacking = _what_lacks(own, prepared)
    if lacking:
        return TrustCard(about=lacking)
    floor = [record for record in every if record.row.method == FLOORS["pcc"] and record.finished]
    floor = [record for record in floor if record.row.variant != "untuned"] or floor
    slides = [scored for record in own for scored in record.slides]
    changed = any(record.row.source != contestant.source for record in own)
    return TrustCard(
        about=f"{len(own)} results of stbench run, one a fold and seed"
        + (", made by another version of the plugin" if changed else ""),
        floor=FLOORS["pcc"] if floor else "",
        split=prepared.design.split,
        n_patients=_n_patients(slides),
        patients=tuple(_units(slides)),
        slides=_slides(slides),
        genes=_genes(slides, [scored for record in floor for scored in record.slides], genes),
    )


def _is_of(record: Record, contestant: Contestant) -> bool:
    own = (contestant.name, contestant.variant, tuple(sorted(contestant.overrides.items())))
    named = (record.row.method, record.row.variant, record.row.overrides)
    return named == own and not record.ablation


def _what_lacks(own: Sequence[Record], prepared: PreparedRun) -> str:
    """Why there is no card, "" where every outer fold has a result."""
    folds = {fold.name for fold in prepared.plan.folds}
    there = {record.fold for record in own} & folds
    if there == folds:
        return ""
    how_many = f"{len(there)} of {len(folds)} folds" if there else "none"
    return f"results of this method and design: {how_many} under {prepared.store.out.name}; stbench run makes them"


def _n_patients(slides: Iterable[SlideScores]) -> int | None:
    patients = {scored.patient for scored in slides}
    return None if None in patients else len(patients)


def _unit(scored: SlideScores) -> str:
    return scored.patient if scored.patient is not None else f"slide {scored.slide}"


def _units(slides: Iterable[SlideScores]) -> list[str]:
    """What means are taken over: patients, or slides where these are not stated."""
    return sorted({_unit(scored) for scored in slides})


def _slides(slides: Sequence[SlideScores]) -> tuple[SlideTrust, ...]:
    """Each test slide's scores, seeds averaged."""
    names = ("pcc", "pcc_null", "pcc_given_depth", "pcc_equal_depth")
    by_slide: dict[str, list[SlideScores]] = {}
    for scored in slides:
        by_slide.setdefault(scored.slide, []).append(scored)
    return tuple(
        SlideTrust(
            slide=slide,
            patient=found[0].patient,
            **{name: _mean([s.scores.get(name) for s in found]) for name in names},
        )
        for slide, found in sorted(by_slide.items())
    )


def _genes(
    slides: Sequence[SlideScores], floor: Sequence[SlideScores], genes: Sequence[str]
) -> dict[str, GeneTrust]:
    found = {column: _by_patient(slides, column) for column in (*CORRELATIONS, "pcc_null", "ceiling")}
    patients = _units(slides)
    floors = _by_patient(floor, "pcc")

    def trust(gene: str) -> GeneTrust:
        scores = {column: _score(found[column], gene) for column in CORRELATIONS}
        return GeneTrust(
            **scores,
            pcc_null=_mean(list(_of_gene(found["pcc_null"], gene).values())),
            by_patient=tuple(_rounded(found["pcc"].get(patient, {}).get(gene)) for patient in patients),
            ceiling=_mean(list(_of_gene(found["ceiling"], gene).values())),
            above_floor=_is_above(_of_gene(found["pcc"], gene), _of_gene(floors, gene)),
        )

    return {gene: trust(gene) for gene in genes}


def _by_patient(slides: Sequence[SlideScores], column: str) -> _ByPatient:
    """The mean of a column over seeds, then over the slides of a patient."""
    seeds: dict[tuple[str, str], dict[str, list[float]]] = {}
    for scored in slides:
        values = seeds.setdefault((_unit(scored), scored.slide), {})
        for gene, value in zip(scored.genes, scored.per_gene.get(column, ()), strict=False):
            if value is not None:
                values.setdefault(gene, []).append(value)
    of_patient: dict[str, dict[str, list[float]]] = {}
    for (patient, _), values in seeds.items():
        means = of_patient.setdefault(patient, {})
        for gene, found in values.items():
            means.setdefault(gene, []).append(sum(found) / len(found))
    return {p: {gene: sum(v) / len(v) for gene, v in means.items()} for p, means in of_patient.items()}


def _of_gene(by_patient: _ByPatient, gene: str) -> dict[str, float]:
    return {patient: values[gene] for patient, values in by_patient.items() if gene in values}


def _score(by_patient: _ByPatient, gene: str) -> Score:
    values = list(_of_gene(by_patient, gene).values())
    low, high = score_interval(values, correlation=True) or (None, None)
    return Score(mean=_mean(values), low=_rounded(low), high=_rounded(high))


def _is_above(own: Mapping[str, float], floor: Mapping[str, float]) -> bool | None:
    """Whether a gene's mean PCC is above 0 and above the floor's over the same patients; None where none has both."""
    both = own.keys() & floor.keys()
    if not both:
        return None
    mine, theirs = (float(np.mean([scores[p] for p in sorted(both)])) for scores in (own, floor))
    return mine > max(theirs, 0.0)


def _mean(values: Sequence[float | None]) -> float | None:
    defined = [value for value in values if value is not None]
    return _rounded(sum(defined) / len(defined)) if defined else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DIGITS)
