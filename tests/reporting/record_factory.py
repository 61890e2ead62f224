"""Records made by hand, so that every average in a table can be worked out on paper."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from stbench.files import hash_value
from stbench.record import Record, RowIdentity, SlideScores, SlideTruth, TableIdentity

SLIDES = ("B1", "B2", "C1", "D1", "D2")
PATIENTS = {"B1": "B", "B2": "B", "C1": "C", "D1": "D", "D2": "D"}
TABLE = TableIdentity(
    dataset="her2",
    slides=SLIDES,
    data="d" * 16,
    split="slide",
    inner="all",
    genes="train-hvg",
    panel="p" * 16,
    scale="minmax",
    target="logcpm",
    min_counts=100,
    patch="224 px",
    encoder="efficientnet_lite0@12345678",
)
GOOD: dict[str, float | None] = {"B1": 0.1, "B2": 0.3, "C1": 0.6, "D1": 0.3, "D2": 0.5}
GENES = ("FASN", "GNAS", "ERBB2")


def make_record(
    method: str,
    slide: str,
    pcc: float | None = 0.2,
    *,
    seed: int = 0,
    kind: str = "method",
    variant: str = "",
    source: str = "source-1",
    overrides: tuple[tuple[str, Any], ...] = (),
    finished_at: str = "2026-01-02T03:04:05Z",
    patients: dict[str, str | None] | None = None,
    table: TableIdentity = TABLE,
    scores: dict[str, float | None] | None = None,
    **fields: Any,
) -> Record:
    """The Record of one method on the fold whose test slide is `slide`; `pcc` is its score there."""
    row = RowIdentity(method, variant, overrides, source=source)
    patients = PATIENTS if patients is None else patients
    slide_scores = SlideScores(
        slide=slide,
        patient=patients[slide],
        n_spots=10,
        n_scored=8,
        scores={"pcc": pcc, "pcc_equal_depth": 0.01, "rmse": 0.3, "ceiling": 0.8, **(scores or {})},
        genes=GENES,
        per_gene={"pcc": (0.1, 0.5, None), "pcc_given_depth": (0.0, 0.25, None)},
    )
    values: dict[str, Any] = {
        "key": hash_value([method, variant, list(map(list, overrides)), source, slide, seed, finished_at]),
        "table": table,
        "row": row,
        "kind": kind,
        "seed": seed,
        "fold": slide,
        "n_folds": len(table.slides),
        "train_slides": tuple(name for name in table.slides if name != slide),
        "test_slides": (slide,),
        "panel_genes": GENES,
        "settings": {"penalty": 100.0},
        "slides": (slide_scores,),
        "cost": {
            "fit_seconds": 2.0,
            "predict_seconds": 0.5,
            "n_spots_predicted": 10,
            "parameters_total": 1000,
            "flops_forward": None,
        },
        "provenance": {"finished_at": finished_at, "stbench": "0.1.0"},
    }
    return Record(**(values | fields))


def failed(record: Record, reason: str) -> Record:
    """The same job, come to nothing."""
    return replace(record, failure=reason, slides=(), cost={}, predictions={}, truths={})


def complete(method: str, pcc: dict[str, float | None], **fields: Any) -> list[Record]:
    """One Record for each slide of the table."""
    return [make_record(method, slide, value, **fields) for slide, value in pcc.items()]


def make_truth(slide: str = "B1", n_spots: int = 12, patient: str | None = "B") -> SlideTruth:
    """A small slide on a square array, its first spot too poor to be scored."""
    rng = np.random.default_rng(7)
    grid = np.stack(np.meshgrid(np.arange(4), np.arange((n_spots + 3) // 4)), axis=-1).reshape(-1, 2)[
        :n_spots
    ]
    counts = rng.integers(0, 9, size=(n_spots, len(GENES)))
    return SlideTruth(
        slide=slide,
        patient=patient,
        genes=GENES,
        spot_ids=tuple(f"{x}x{y}" for x, y in grid),
        pixel_xy=grid * 250.0 + 100,
        array_row_column=grid[:, ::-1],
        counts=counts,
        totals=counts.sum(axis=1) + 300,
        scored=np.arange(n_spots) > 0,
        annotation=np.array(["", *["tumour"] * (n_spots - 1)], dtype=object),
    )


def with_arrays(record: Record, n_spots: int = 12) -> Record:
    """The Record with predictions and truths of its test slides, on the scale of log counts per million."""
    rng = np.random.default_rng(record.seed)
    return replace(
        record,
        predictions={
            s: rng.normal(5, 1, (n_spots, len(GENES))).astype(np.float32) for s in record.test_slides
        },
        truths={s: make_truth(s, n_spots) for s in record.test_slides},
    )
