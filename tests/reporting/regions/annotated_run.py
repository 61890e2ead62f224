"""A results folder of annotated slides of two regions, with predictions that know this or that of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from reporting.record_factory import TABLE

from stbench.evaluation.scoring import SlideScorer
from stbench.files import hash_value
from stbench.metrics.counts import log_expression
from stbench.metrics.training import TrainingSummary
from stbench.record import Record, RowIdentity, SlideScores, SlideTruth
from stbench.reporting.report.stored import StoredArrays
from stbench.reporting.results.store import RunStore
from stbench.reporting.tables.leaderboard import Table, build_tables

PATIENTS = {"S1": "A", "S2": "A", "S3": "B"}
GENES = tuple(f"G{place}" for place in range(12))
TUMOUR, OTHER = "cancer", "stroma"
Predictor = Callable[[SlideTruth], np.ndarray]


def make_truth(slide: str, n: int = 90, seed: int | None = None) -> SlideTruth:
    """The first half of the spots is tumour, where half of the genes are twice as high; 6 spots are undetermined."""
    rng = np.random.default_rng(sum(map(ord, slide)) if seed is None else seed)
    is_tumour = np.arange(n) < n // 2
    rates = np.where(is_tumour[:, None] & (np.arange(12) < 6), 0.06, 0.03)
    totals = rng.integers(600, 3_000, n)
    counts = rng.poisson(totals[:, None] * rates)
    labels = np.where(is_tumour, TUMOUR, OTHER).astype(object)
    labels[[0, 1, 2, -1, -2, -3]] = "undetermined"
    return SlideTruth(
        slide=slide,
        patient=PATIENTS.get(slide),
        genes=GENES,
        spot_ids=tuple(f"{place // 10}x{place % 10}" for place in range(n)),
        pixel_xy=np.column_stack([np.arange(n) // 10, np.arange(n) % 10]) * 200.0,
        array_row_column=np.column_stack([np.arange(n) // 10, np.arange(n) % 10]),
        counts=counts,
        totals=totals,
        scored=np.full(n, True),
        annotation=labels,
    )


def measured(truth: SlideTruth) -> np.ndarray:
    return log_expression(truth.counts, truth.totals)


def regions_alone(truth: SlideTruth) -> np.ndarray:
    """Which half of the slide a spot lies in, and nothing else."""
    half = np.arange(len(truth.spot_ids)) < len(truth.spot_ids) // 2
    return np.where(half[:, None], 2.0, 1.0) * np.ones(len(truth.genes))


def noise(truth: SlideTruth) -> np.ndarray:
    return np.random.default_rng(8).normal(size=truth.counts.shape)


def write_run(
    folder: Path,
    truths: Mapping[str, SlideTruth],
    methods: Mapping[str, Predictor],
    tumour: tuple[str, ...] = (TUMOUR,),
    split: str = "slide",
    scored: bool = True,
) -> Path:
    """Every method's Records with their arrays below `folder`, scored as a run scores them, or by nothing at all."""
    store = RunStore(folder)
    scorers = {name: SlideScorer(t, ("undetermined",), tumour) for name, t in truths.items() if scored}
    table = replace(TABLE, slides=tuple(truths), dataset="her2", split=split)
    for method, predict in methods.items():
        for name, truth in truths.items():
            train = tuple(
                other
                for other in truths
                if (other != name if split == "slide" else PATIENTS[other] != PATIENTS[name])
            )
            training = TrainingSummary.of([measured(truths[other]) for other in train])
            prediction = predict(truth).astype(np.float32)
            scores = SlideScores(name, truth.patient, len(truth.spot_ids), int(truth.scored.sum()), {})
            scores = scorers[name].score(prediction, training) if scored else scores
            store.save(
                Record(
                    key=hash_value([method, name]),
                    table=table,
                    row=RowIdentity(method, "", source="source-1"),
                    kind="method",
                    seed=0,
                    fold=name,
                    n_folds=len(truths),
                    train_slides=train,
                    test_slides=(name,),
                    panel_genes=GENES,
                    slides=(scores,),
                    unlabelled=("undetermined",),
                    tumour_labels=tumour,
                    provenance={"finished_at": "2026-01-02T03:04:05Z", "stbench": "0.1.0"},
                    predictions={name: prediction},
                    training=training.arrays(),
                    truths={name: truth},
                )
            )
    return folder


def opened(folder: Path) -> tuple[Table, StoredArrays]:
    (table,) = build_tables(RunStore(folder).records()[0])
    return table, StoredArrays([folder])
