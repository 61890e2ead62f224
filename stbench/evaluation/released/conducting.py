"""One fold of a released predictor: its test slides are predicted in a sealed child and scored on the fold's panel."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from stbench.errors import MethodError
from stbench.evaluation.contestant import Contestant
from stbench.evaluation.judging import Judge
from stbench.evaluation.keeping import PredictionCost, Restored, predictions_of
from stbench.evaluation.materials import Materials
from stbench.evaluation.method_warnings import by_name
from stbench.evaluation.outcome import identity, stamped
from stbench.evaluation.partial import score_part
from stbench.evaluation.plan import Job
from stbench.evaluation.released.predictor import Released
from stbench.evaluation.released.products import query_handout
from stbench.evaluation.slides_used import notes_on_slides, slides_used
from stbench.evaluation.trials.benches import Bench
from stbench.evaluation.trials.trial import NOT_SEALED
from stbench.record import Record

Hear = Callable[[str], None]
# Share of a panel that must be predicted for a score to stand beside those of others.
_LEAST_SHARE = 0.5


def released_record(job: Job, seed: int, judge: Judge, bench: Bench, provenance: Mapping[str, Any]) -> Record:
    """The Record of a fold; MethodError where it fails, or knows less than half of the panel's genes."""
    released, materials = _released(job), judge.materials
    panel = materials.fold(job.fold).panel
    columns = _columns(released, panel.genes)
    sealed: list[str] = []
    warned: list[str] = []
    costs: list[PredictionCost] = []
    predictions = _predictions(job, judge, bench, columns, sealed, warned, costs)
    there = columns >= 0
    scored = {
        name: score_part(judge, job.fold, name, values, np.ones(len(values), dtype=bool), there)
        for name, values in predictions.items()
    }
    seen = released.seen(materials.design.dataset, map(materials.slide, materials.sources))
    queries = {f"query-{i}": name for i, name in enumerate(job.fold.test)}
    notes = [
        *released.notes,
        *_missing(judge, job, there),
        *(by_name(words, queries) for words in warned),
        *notes_on_slides(materials, job.fold, job.contestant.card),
    ]
    return Record(
        **identity(job, seed),
        leaky=panel.leaky,
        panel_note=panel.note,
        panel_hash=panel.hash,
        panel_genes=panel.genes,
        settings=dict(job.contestant.settings),
        released={
            "method": released.method,
            "model": released.sha256,
            "trained_on": released.data.dataset if released.data else "",
            "seen": {name: seen[name] for name in job.fold.test},
        },
        slides=tuple(scores for _, scores in scored.values()),
        cost={"n_spots_predicted": sum(map(len, predictions.values())), **_in_record(costs)},
        notes=tuple(dict.fromkeys(notes)),
        sealed=sealed[0] if sealed else NOT_SEALED,
        unlabelled=judge.unlabelled,
        tumour_labels=judge.tumour_labels,
        provenance=stamped({**provenance, **slides_used(materials, job.fold)}),
        predictions=predictions,
        training=judge.training(job.fold).arrays(),
        truths={truth.slide: truth for truth, _ in scored.values()},
    )


def _in_record(costs: Sequence[PredictionCost]) -> dict[str, float | None]:
    """What predicting took, as a Record names it; parameters only of a predictor that counts its own."""
    if not costs:
        return {}
    cost = costs[-1]
    counted = {"parameters_trainable": cost.parameters_trainable, "parameters_total": cost.parameters_total}
    return {
        "predict_seconds": cost.seconds,
        "peak_memory_mb": cost.peak_memory_mb,
        "peak_gpu_memory_mb": cost.peak_gpu_memory_mb,
        **(counted if cost.parameters_total else {}),
    }


def _released(job: Job) -> Released:
    assert job.contestant.released is not None, "asked for of released predictors only"
    return job.contestant.released


def _columns(released: Released, panel: tuple[str, ...]) -> np.ndarray:
    """(panel,) the predictor's column of each gene of the panel, -1 of one that it does not predict."""
    place = {gene: column for column, gene in enumerate(released.genes)}
    columns = np.array([place.get(gene, -1) for gene in panel], dtype=int)
    n_known = int((columns >= 0).sum())
    if n_known < _LEAST_SHARE * len(panel):
        raise MethodError(
            f"predicts {n_known} of the {len(panel)} genes of the panel, fewer than half; choose a panel of its genes "
            "with --genes file:PATH"
        )
    return columns


def predict_slides(
    contestant: Contestant,
    materials: Materials,
    names: Sequence[str],
    warn: Hear = lambda words: None,
    on_output: Hear = lambda words: None,
    on_sealed: Hear = lambda words: None,
    time_limit: float | None = None,
    on_cost: Callable[[PredictionCost], None] = lambda cost: None,
) -> Iterator[np.ndarray]:
    """(n_spots, G) of each slide in turn, its own genes on the target's scale; MethodError where that fails.

    Slides are handed to a sealed child as query-0, query-1, ...; it has their images' products and nothing else.
    """
    released, design = contestant.released, materials.design
    assert released is not None, "asked for of released predictors only"
    learned = released.learned()
    handed = [query_handout(released, materials, name, f"query-{i}") for i, name in enumerate(names)]
    restored = Restored(
        contestant.place, contestant.settings, learned.state, len(released.genes), released.light
    )
    device = "cpu" if released.light else design.device
    found = predictions_of(
        restored, handed, device, design.threads, warn, on_output, on_sealed, time_limit, on_cost
    )
    for predicted in found:
        yield predicted * learned.unit + learned.origin


def _predictions(
    job: Job,
    judge: Judge,
    bench: Bench,
    columns: np.ndarray,
    sealed: list[str],
    warned: list[str],
    costs: list[PredictionCost],
) -> dict[str, np.ndarray]:
    """Test slide -> (n_spots, panel) float32 on the target's scale, NaN for genes that are not predicted."""
    found = predict_slides(
        job.contestant,
        judge.materials,
        job.fold.test,
        warned.append,
        getattr(bench, "on_output", lambda words: None),
        sealed.append,
        getattr(bench, "time_limit", None),
        costs.append,
    )
    there, laid_out = columns >= 0, {}
    for name, values in zip(job.fold.test, found, strict=True):
        of_panel = np.full((len(values), len(columns)), np.nan, dtype=np.float32)
        of_panel[:, there] = values[:, columns[there]]
        laid_out[name] = of_panel
    return laid_out


def _missing(judge: Judge, job: Job, there: np.ndarray) -> list[str]:
    """Genes that it does not predict, and genes that the slide does not measure, as rows from outside say it."""
    panel, words = judge.materials.fold(job.fold).panel.genes, []
    for name in job.fold.test:
        measured = np.isin(panel, judge.materials.slide(name).genes)
        lacking, unmeasured = int((measured & ~there).sum()), int((~measured).sum())
        if lacking:
            words.append(f"{lacking} panel genes of {name} are not predicted, left out and not scored")
        if unmeasured:
            words.append(f"{unmeasured} panel genes are not measured on {name} and left out")
    return words
