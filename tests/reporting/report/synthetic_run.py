"""A results folder as a run leaves it, made of noise: any number of methods, patients, slides and genes."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image
from reporting.record_factory import TABLE

from stbench.files import hash_value
from stbench.record import Record, RowIdentity, SlideScores, SlideTruth, TableIdentity
from stbench.reporting.report import Written, printing, write_report
from stbench.reporting.results.store import RunStore
from stbench.reporting.tables.leaderboard import DEFAULT_REFERENCE, build_tables

LABELS = ("connective tissue", "immune infiltrate", "invasive cancer", "undetermined")
PER_GENE = ("pcc", "pcc_given_depth", "pcc_equal_depth", "ceiling", "detection")


class Size(NamedTuple):
    """How much there is of everything; the first slide of each patient is annotated.

    elsewhere  names of rows that were predicted elsewhere, besides the methods
    twin       whether the floor stands there untuned as well
    """

    n_methods: int = 3
    n_patients: int = 8
    n_slides_each: tuple[int, ...] = (1,)
    n_genes: int = 20
    n_spots: int = 60
    elsewhere: tuple[str, ...] = ()
    twin: bool = False


def make_run(folder: Path, size: Size, table: TableIdentity = TABLE) -> None:
    """Write every Record of the run with its predictions and truths below `folder`."""
    random = np.random.default_rng(0)
    genes = tuple(f"GENE{index:03d}" for index in range(size.n_genes))
    slides = {
        f"{chr(65 + patient)}{place + 1}": chr(65 + patient)
        for patient in range(size.n_patients)
        for place in range(size.n_slides_each[patient % len(size.n_slides_each)])
    }
    table = replace(table, slides=tuple(slides))
    truths = {
        slide: make_tissue(slide, patient, genes, size.n_spots, random) for slide, patient in slides.items()
    }
    store = RunStore(folder)
    names = ["ridge", *(f"method{place:02d}" for place in range(1, size.n_methods)), *size.elsewhere]
    for place, name in enumerate(names):
        for truth in truths.values():
            record = _record(name, place, truth, table, random)
            away = name in size.elsewhere
            store.save(replace(record, row=RowIdentity(name, ""), kind="external") if away else record)
    for truth in truths.values() if size.twin else ():
        record = _record("ridge", 0, truth, table, random)
        row = replace(record.row, variant="untuned")
        store.save(replace(record, key=hash_value([record.key, row.variant]), row=row))


def make_tissue(
    slide: str, patient: str, genes: tuple[str, ...], n_spots: int, random: np.random.Generator
) -> SlideTruth:
    """A slide on a square array with a picture; the patient's first slide has an annotation."""
    width = int(np.ceil(np.sqrt(n_spots)))
    grid = np.stack(np.meshgrid(np.arange(width), np.arange(width)), axis=-1).reshape(-1, 2)[:n_spots]
    region = (grid[:, 0] * 3) // width
    counts = random.poisson(2 + 3 * (region[:, None] == np.arange(len(genes)) % 3), (n_spots, len(genes)))
    labels = np.array(LABELS, dtype=object)[np.where(random.random(n_spots) < 0.05, 3, region)]
    return SlideTruth(
        slide=slide,
        patient=patient,
        genes=genes,
        spot_ids=tuple(f"{x}x{y}" for x, y in grid),
        pixel_xy=grid * 250.0 + 300,
        array_row_column=grid[:, ::-1],
        counts=counts,
        totals=counts.sum(axis=1) + 50,
        scored=random.random(n_spots) > 0.02,
        annotation=labels if slide.endswith("1") else None,
        thumbnail=picture(width, random),
        thumbnail_scale=640 / (250 * (width + 1.4)),
    )


def picture(n_regions: int, random: np.random.Generator) -> np.ndarray:
    """A pink JPEG with as much detail as stained tissue has, 640 pixels wide, as bytes."""
    coarse = Image.fromarray(random.integers(120, 230, (n_regions, n_regions, 3), dtype=np.uint8)).resize(
        (640, 640)
    )
    noise = random.normal(0, 18, (640, 640, 1))
    pixels = np.clip(np.asarray(coarse) * [1.05, 0.75, 0.95] + noise, 0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=80)
    return np.frombuffer(buffer.getvalue(), np.uint8)


def _record(
    method: str, skill: int, truth: SlideTruth, table: TableIdentity, random: np.random.Generator
) -> Record:
    """A method's fold: the higher `skill`, the better its scores."""
    n_genes = len(truth.genes)
    return Record(
        key=hash_value([method, truth.slide, table.split, n_genes]),
        table=table,
        row=RowIdentity(method, "paper" if skill else "", source="source-1"),
        kind="method" if skill else "floor",
        seed=0,
        fold=truth.slide,
        n_folds=len(table.slides),
        train_slides=tuple(name for name in table.slides if name != truth.slide),
        test_slides=(truth.slide,),
        panel_genes=truth.genes,
        settings={"learning_rate": 1e-4, "layers": skill},
        slides=(_scores(skill, truth, random),),
        cost={"fit_seconds": 2.0 * 3**skill, "parameters_total": 1000 * 4**skill},
        unlabelled=("undetermined",),
        provenance={
            "finished_at": "2026-01-02T03:04:05Z", "stbench": "0.1.0", "processor": "a processor", "device": "cpu",
            "git": {"commit": "0123456789abcdef", "changed": False}, "packages": {"numpy": "2.0.0"},
        },
        predictions={truth.slide: random.normal(6, 1, (len(truth.spot_ids), n_genes)).astype(np.float32)},
        truths={truth.slide: truth},
    )  # fmt: skip


def _scores(skill: int, truth: SlideTruth, random: np.random.Generator) -> SlideScores:
    n_genes = len(truth.genes)
    columns = {
        name: tuple(np.round(random.normal(0.05 + 0.02 * skill, 0.05, n_genes), 4).tolist())
        for name in PER_GENE
    }
    scores: dict[str, float | None] = {name: float(np.mean(columns[name])) for name in PER_GENE[:3]}
    scores |= {f"{name}_null": 0.02 for name in PER_GENE[:3]}
    scores |= {
        "ceiling": 0.8,
        "ceiling_equal_depth": 0.5,
        "rmse": 0.3,
        "ari": 0.2 if truth.annotation is not None else None,
    }
    return SlideScores(
        truth.slide, truth.patient, len(truth.spot_ids), int(truth.scored.sum()), scores, truth.genes, columns
    )


@contextlib.contextmanager
def figures_not_drawn() -> Iterator[None]:
    """Reports are written without the figures as files, which take three quarters of the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(printing, "save_figure", lambda folder, name, *_: [folder / name])
        yield


def report_of(folder: Path, to: Path, reference: str = DEFAULT_REFERENCE, **options) -> Written:
    """The report on all Records below a results folder."""
    records, damaged = RunStore(folder).records()
    tables = build_tables(records, reference=reference)
    return write_report([("runs", folder)], tables, damaged, to, reference, **options)
