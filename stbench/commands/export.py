"""`stbench export`: fold by fold what a method sees, as files, for methods that are no plugins."""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path
from typing import Any, cast, get_args

from stbench.commands.asked import Asked
from stbench.commands.outside.manifest import (
    FORMAT,
    MANIFEST,
    RETURNED,
    ExportedFold,
    Manifest,
    manifest_text,
)
from stbench.commands.outside.question import Question, question
from stbench.commands.outside.writing import write_fold
from stbench.contract import MethodCard, Needs, TrainingScale
from stbench.errors import StorageError, UsageError
from stbench.evaluation.folds import Fold
from stbench.evaluation.materials import Materials
from stbench.evaluation.provenance import stbench_version
from stbench.files import make_folder
from stbench.preprocess.encoders import have_weights, weights_known
from stbench.record import PROTOCOL_VERSION
from stbench.slide import QuerySlide, TrainingSlide

_README = f"""Folds of a benchmark, as a method of stbench sees them
======================================================

Each folder is one fold. Learn from its train* files only, predict every spot of query.csv.gz for every gene of
panel.txt on the scale that {MANIFEST} names, and write {RETURNED[0]} into the folder: first column the ids of
query.csv.gz, one column a gene. Then: stbench score THIS_FOLDER --dataset DATASET --name YOURS

train.csv.gz             spots to learn from: slide, place, group (what the split keeps together), counts over all genes
train_expression.csv.gz  what is to be predicted, spots by panel genes, on the scale that {MANIFEST} names
train_counts.csv.gz      raw counts of the panel genes
query.csv.gz             spots to predict: place only
*_embeddings.csv.gz      what the frozen image encoder makes of each spot's patch
train.h5ad, query.h5ad   the same as AnnData
"""


def export(
    asked: Asked, to: Path, scale: str = "log", embeddings: bool = True, patches: tuple[int, ...] = ()
) -> Manifest:
    """Write every fold's training and query slides below `to`, which must be new or empty; the manifest.

    scale    of expression and predictions: log, or minmax or zscore by the training slides' range
    patches  edges in pixels of image patches to write too, as .npy
    UsageError where `to` holds something; nothing is left where the export does not come to its end.
    """
    if scale not in get_args(TrainingScale):
        raise UsageError(f"--scale {scale} is not one of {', '.join(get_args(TrainingScale))}.")
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise UsageError(f"--to {to} holds something already; name a folder that is new or empty.")
    asking = question(asked)
    if embeddings and not weights_known(asking.design.encoder):
        have_weights(asking.design.encoder)
    needs = Needs(embeddings=embeddings, patches=patches)
    card = MethodCard(
        title="outside",
        summary="outside",
        family="outside",
        needs=needs,
        trains_on=cast(TrainingScale, scale),
    )
    target = to.absolute()
    make_folder(target.parent)
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    try:
        manifest = _write(asking, card, temporary)
        if target.exists():
            target.rmdir()
        temporary.rename(target)
    except OSError as error:
        raise StorageError(f"Cannot write {to}: {error.strerror or error}.") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return manifest


def _write(asking: Question, card: MethodCard, folder: Path) -> Manifest:
    folder.mkdir()
    materials = Materials(asking.design, asking.sources)
    folds = [
        _export_fold(materials, fold, card, folder, f"fold-{i}")
        for i, fold in enumerate(asking.plan.folds, 1)
    ]
    manifest = Manifest(
        format=FORMAT,
        stbench=stbench_version(),
        protocol=PROTOCOL_VERSION,
        dataset=asking.design.dataset,
        slides=asking.slides,
        data=asking.plan.table.data,
        split=asking.design.split,
        genes=_panel_spec(asking.design.genes, folder),
        n_genes=asking.design.n_genes,
        target=asking.design.target,
        scale=cast(Any, card.trains_on),
        min_counts=asking.design.min_counts,
        seeds=asking.asked.seeds,
        folds=tuple(folds),
    )
    (folder / "README.txt").write_text(_README, encoding="utf-8")
    (folder / MANIFEST).write_text(manifest_text(manifest), encoding="utf-8")
    return manifest


def _panel_spec(spec: str, folder: Path) -> str:
    """The panel's recipe; a file of genes goes with the folds."""
    if not spec.startswith("file:"):
        return spec
    path = Path(spec.removeprefix("file:")).expanduser()
    shutil.copyfile(path, folder / path.name)
    return f"file:{path.name}"


def _export_fold(materials: Materials, fold: Fold, card: MethodCard, folder: Path, name: str) -> ExportedFold:
    made, own = materials.fold(fold), folder / name
    names = made.trainable(fold.train)
    scaling = made.scaling(names, card)
    queries = {f"query-{i}": slide for i, slide in enumerate(fold.test)}
    train: list[TrainingSlide] = [made.training_slide(slide, card, scaling) for slide in names]
    asked: list[QuerySlide] = [made.query_slide(slide, query, card) for query, slide in queries.items()]
    write_fold(
        own,
        made.panel.genes,
        train,
        [_scored_ids(materials, slide) for slide in names],
        asked,
        [materials.slide(slide).spot_ids for slide in queries.values()],
        str(card.trains_on),
    )
    _write_patches(own, train, asked)
    return ExportedFold(
        name=fold.name,
        folder=name,
        train=fold.train,
        queries=queries,
        panel=made.panel.hash,
        n_genes=len(made.panel.genes),
    )


def _scored_ids(materials: Materials, slide: str) -> list[str]:
    """Ids of the spots that are trained on, in the order of a training slide."""
    scored = materials.scored(slide)
    return [spot for spot, kept in zip(materials.slide(slide).spot_ids, scored, strict=True) if kept]


def _write_patches(folder: Path, train: list[TrainingSlide], queries: list[QuerySlide]) -> None:
    import numpy as np

    for kind, slides in (("train", train), ("query", queries)):
        for edge in slides[0].patches:
            patches = np.concatenate([slide.patches[edge] for slide in slides])
            np.save(folder / f"{kind}_patches_{edge}px.npy", patches)
