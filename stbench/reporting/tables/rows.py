"""One leaderboard row out of the Records of one method with one choice of settings.

Scores are averaged over seeds per slide, then over slides within patient, then over patients; the plain slide
mean stands beside. A row whose folds are not all finished is shown and not ranked.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from stbench.record import Record
from stbench.reporting import statistics
from stbench.reporting.results.gene_columns import mean_over_genes
from stbench.reporting.tables.grouping import is_tuned_here
from stbench.reporting.tables.row import Row, SlideResult
from stbench.reporting.tables.row_notes import failure_reasons, missing_folds, remarks
from stbench.reporting.tables.seen import note_on_seen, saw_a_test, seen_of

# Scores that a row averages, as the Record and the Row name them.
AVERAGED = (
    "pcc",
    "pcc_null",
    "pcc_median",
    "pcc_given_depth",
    "pcc_equal_depth",
    "spearman",
    "rmse",
    "rmse_centred",
    "rmse_log",
    "mae",
    "deviance_explained",
    "ari",
    "variance_ratio",
    "slope",
    "structure",
    "structure_null",
)
# The three that stand side by side, each with its interval, range and spread over seeds.
CORRELATIONS = ("pcc", "pcc_given_depth", "pcc_equal_depth")
# The ceilings of those scores that have one.
_CEILINGS = {"pcc": "ceiling", "pcc_equal_depth": "ceiling_equal_depth"}

Patients = Mapping[str, str | None]
# One seed's scores: slide -> name of the score -> value.
SeedScores = Mapping[str, Mapping[str, float | None]]


def method_row(
    records: Sequence[Record],
    patients: Patients,
    older_exist: bool = False,
    changed: bool = False,
    audited: str | None = None,
    common: Sequence[str] = (),
) -> Row:
    """The row of `records`: one RowIdentity in one table, at most one Record for each seed and fold.

    common       the genes that all folds of the table have in common

    older_exist  whether older Records of this very row were passed over
    changed      whether the plugin's source is another today
    audited      what the leakage audit said of this source, None where nobody asked
    """
    first = records[0]
    seeds = sorted({record.seed for record in records})
    finished = [record for record in records if record.finished]
    by_seed = [_scores_of(record for record in finished if record.seed == seed) for seed in seeds]
    missing = missing_folds(records)
    pcc = statistics.over_seeds(_column(by_seed, "pcc"))
    means = _means(by_seed, patients)
    spreads: dict[str, Any] = {
        f"{name}_seed_sd": _seed_deviation(by_seed, name, patients) for name in CORRELATIONS
    }
    seen = seen_of(finished)
    saw = saw_a_test(seen, first.table.split)
    stated = all(patients.get(slide) is not None for record in finished for slide in record.test_slides)
    return Row(
        method=first.row.method,
        kind=first.kind,
        variant=first.row.variant or None,
        overrides=dict(first.row.overrides),
        encoder=first.table.encoder or None,
        has_publication=all(record.provenance.get("has_publication", True) for record in records),
        tuned=is_tuned_here(first) and first.table.inner != "none",
        source=first.row.source,
        **means,
        **_costs(finished),
        **spreads,
        pcc_common_genes=_over_common_genes(finished, common, patients),
        n_constant=_constant_genes(by_seed),
        n_folds=max(record.n_folds for record in records),
        n_failed=len(records) - len(finished),
        leaky=any(record.leaky for record in records),
        changed=changed,
        sealed=_least_sealed(finished),
        audited=audited,
        pretrained="; ".join(sorted({record.pretrained for record in records} - {""})) or None,
        budget=first.row.budget or None,
        seeds=tuple(seeds),
        ranked=not missing and not saw,
        seen=seen,
        saw_test=bool(saw),
        truth=next((record.truth_unknown for record in records if record.truth_unknown), ""),
        notes=(*missing, *note_on_seen(saw, pcc, patients), *remarks(records, stated, older_exist)),
        slides=_slide_results(by_seed, failure_reasons(records), patients),
    )


def _over_common_genes(finished: Sequence[Record], common: Sequence[str], patients: Patients) -> float | None:
    """PCC over the genes that all folds share, whose panels otherwise differ."""
    return statistics.over_patients(mean_over_genes(finished, common), patients) if common else None


def _least_sealed(records: Sequence[Record]) -> str | None:
    """How far the least shut in of these was; None where none says."""
    stated = {record.sealed for record in records} - {""}
    return "not sealed" if "not sealed" in stated else max(stated, key=len, default=None)


def ceiling_row(records: Iterable[Record], patients: Patients) -> Row | None:
    """The row of what could be reached at best, averaged like a method; None where nobody measured a ceiling.

    Every Record of a slide states that slide's ceiling: they are the same number and are averaged as such.
    """
    finished = [record for record in records if record.finished]
    ceilings = [
        {slide: {name: scores.get(_CEILINGS[name]) for name in _CEILINGS} for slide, scores in scored.items()}
        for scored in (_scores_of([record]) for record in finished)
    ]
    means = _means(ceilings, patients)
    if means["pcc"] is None and means["pcc_equal_depth"] is None:
        return None
    return Row(
        method="ceiling",
        kind="ceiling",
        **means,
        leaky=any(record.leaky for record in finished),
        notes=(
            "an estimate of what could be reached at best, not a contestant; depth counts as predictable",
        ),
        slides=_slide_results(ceilings, {}, patients),
    )


def _means(by_seed: Sequence[SeedScores], patients: Patients) -> dict[str, Any]:
    """The fields of Row that are means of scores, their intervals, and the numbers of slides and patients scored."""
    averaged = {name: statistics.over_seeds(_column(by_seed, name)) for name in AVERAGED}
    means: dict[str, Any] = {name: statistics.over_patients(averaged[name], patients) for name in AVERAGED}
    for name in CORRELATIONS:
        of_patients = statistics.patient_means(averaged[name], patients)
        values = [] if of_patients is None else list(of_patients.values())
        means[f"{name}_ci"] = statistics.score_interval(values, correlation=True)
        means[f"{name}_range"] = statistics.value_range(values)
    scored = [slide for slide, value in averaged["pcc"].items() if value is not None]
    named = {patients.get(slide) for slide in scored}
    return means | {
        "pcc_slide_mean": statistics.mean(averaged["pcc"].values()),
        "n_slides": len(scored),
        "n_patients": None if None in named else len(named),
    }


def _scores_of(records: Iterable[Record]) -> dict[str, Mapping[str, float | None]]:
    return {slide.slide: slide.scores for record in records for slide in record.slides}


def _column(by_seed: Sequence[SeedScores], name: str) -> list[dict[str, float | None]]:
    """One score by slide, for each seed."""
    return [{slide: scores.get(name) for slide, scores in scored.items()} for scored in by_seed]


def _seed_deviation(by_seed: Sequence[SeedScores], name: str, patients: Patients) -> float | None:
    columns = _column(by_seed, name)
    return statistics.standard_deviation(statistics.over_patients(scores, patients) for scores in columns)


def _constant_genes(by_seed: Sequence[SeedScores]) -> int | None:
    counts = statistics.over_seeds(_column(by_seed, "n_constant_prediction")).values()
    defined = [count for count in counts if count is not None]
    return math.ceil(math.fsum(defined)) if defined else None


def _costs(finished: Sequence[Record]) -> dict[str, Any]:
    """Mean seconds of a fit, seconds of prediction per 1,000 spots, the most parameters and fewest steps of a fold."""
    costs = [record.cost for record in finished]
    timed = [
        cost for cost in costs if cost.get("predict_seconds") is not None and cost.get("n_spots_predicted")
    ]
    n_spots = math.fsum(cost["n_spots_predicted"] or 0 for cost in timed)
    seconds = math.fsum(cost["predict_seconds"] or 0 for cost in timed)
    parameters = [number for cost in costs if (number := cost.get("parameters_total")) is not None]
    steps = [number for cost in costs if (number := cost.get("steps"))]
    published = [record.published_steps for record in finished if record.published_steps]
    return {
        "fit_seconds": statistics.mean(cost.get("fit_seconds") for cost in costs),
        "predict_seconds_per_1000_spots": 1000 * seconds / n_spots if timed else None,
        "parameters": int(max(parameters)) if parameters else None,
        "steps": int(min(steps)) if steps else None,
        "published_steps": max(published, default=None),
        "steps_unknown": any(cost.get("epochs") and "steps" not in cost for cost in costs),
    }


def _slide_results(
    by_seed: Sequence[SeedScores], reasons: Mapping[str, str], patients: Patients
) -> tuple[SlideResult, ...]:
    """One entry for each test slide that was tried, in the order of their names."""
    names = ("pcc", "pcc_null", "pcc_given_depth", "pcc_equal_depth", "rmse", "ari")
    scores = {name: statistics.over_seeds(_column(by_seed, name)) for name in names}
    return tuple(
        SlideResult(
            slide=slide,
            patient=patients.get(slide),
            **{name: by_slide.get(slide) for name, by_slide in scores.items()},
            failed=reasons.get(slide),
        )
        for slide in sorted({*scores["pcc"], *reasons})
    )
