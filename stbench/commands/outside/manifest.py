"""What `stbench export` writes down of its folds, and what comes back compared with it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from stbench.commands.asked import Asked
from stbench.commands.outside.question import Question
from stbench.commands.outside.reading import Given, checked, read_anndata, read_table
from stbench.contract import TrainingScale
from stbench.errors import UsageError
from stbench.evaluation.judging import Judge
from stbench.plain_record import PROTOCOL_VERSION, first_fault
from stbench.preprocess.expression import fit_scaling

MANIFEST = "manifest.json"
FORMAT = 1
# Where a fold's predictions are looked for, in this order.
RETURNED = ("predictions.csv.gz", "predictions.csv", "predictions.h5ad")
# Stands between a slide's id and a spot's id.
BETWEEN = ":"


class ExportedFold(BaseModel):
    """One fold: its folder, training slides, opaque query ids and the slides behind them, hash of its panel."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    folder: str
    train: tuple[str, ...]
    queries: dict[str, str]
    panel: str
    n_genes: int


class Manifest(BaseModel):
    """What was exported: the options, hashes of data and panels, and the scale of expression and predictions."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: int
    stbench: str
    protocol: int
    dataset: str
    slides: tuple[str, ...]
    data: str
    split: str
    genes: str
    n_genes: int
    target: str
    scale: TrainingScale
    min_counts: int
    seeds: tuple[int, ...]
    folds: tuple[ExportedFold, ...]


def read_manifest(place: Path) -> Manifest | None:
    """The manifest in a folder of returned predictions, None where there is none; UsageError for a damaged one."""
    path = place / MANIFEST
    if not place.is_dir() or not path.is_file():
        return None
    try:
        manifest = Manifest.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        raise UsageError(f"{path} is no manifest of stbench export: {first_fault(error)}.") from error
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{path} cannot be read ({error}); copy the one that stbench export wrote."
        ) from error
    if (manifest.format, manifest.protocol) != (FORMAT, PROTOCOL_VERSION):
        raise UsageError(
            f"{path} is of format {manifest.format} and protocol {manifest.protocol}; this version has {FORMAT} and "
            f"{PROTOCOL_VERSION}: export the folds anew."
        )
    if manifest.genes.startswith("file:"):
        file = place / manifest.genes.removeprefix("file:")
        if not file.is_file():
            raise UsageError(
                f"{path} names the panel {file.name}, which is not beside it; copy it from the export."
            )
        return manifest.model_copy(update={"genes": f"file:{file}"})
    return manifest


def as_exported(asked: Asked, manifests: Sequence[Manifest | None]) -> Asked:
    """The options under which the folds were exported in place of what was typed; as typed where nothing was.

    UsageError where seeds were made from different exports, or from none.
    """
    first = manifests[0]
    if any(other != first and _content(other) != _content(first) for other in manifests[1:]):
        raise UsageError(f"The seeds' folders hold different {MANIFEST}s; score each export by itself.")
    if first is None:
        return asked
    fixed: dict[str, Any] = {
        name: getattr(first, name) for name in ("slides", "split", "genes", "n_genes", "target", "min_counts")
    }
    return asked.model_copy(update=fixed)


def _content(manifest: Manifest | None) -> Mapping[str, Any] | None:
    """A manifest without where its panel's file lies."""
    return None if manifest is None else manifest.model_dump(exclude={"genes"})


def read_returned(place: Path, manifest: Manifest, asking: Question, judge: Judge) -> dict[str, Given]:
    """Slide -> predictions on the target's scale, from the folders of an export.

    UsageError where data, folds or panels are not those that were exported.
    """
    _check_same(manifest, asking)
    folds = {fold.name: fold for fold in asking.plan.folds}
    found: dict[str, Given] = {}
    for exported in manifest.folds:
        fold = folds[exported.name]
        panel = judge.materials.fold(fold).panel
        if panel.hash != exported.panel:
            raise UsageError(
                f"The panel of fold {exported.name} is not the one that was exported; export the folds anew."
            )
        given = _fold_file(place / exported.folder)
        if given is None:
            continue
        training = [judge.materials.fold(fold).expression(name) for name in fold.train]
        scaling = fit_scaling(manifest.scale, training)
        for query, slide in exported.queries.items():
            rows = [row for row, spot in enumerate(given.spot_ids) if spot.startswith(query + BETWEEN)]
            if not rows:
                continue
            own = _part(given, rows, query)
            found[slide] = _on_target(own, panel.genes, scaling.origin, scaling.unit)
        _check_ids(given, exported)
    if not found:
        raise UsageError(f"{place} holds no predictions; write {RETURNED[0]} into the folder of each fold.")
    return found


def _check_same(manifest: Manifest, asking: Question) -> None:
    """UsageError where the manifest is of other data or folds."""
    if manifest.dataset != asking.design.dataset:
        raise UsageError(
            f"These folds were exported from {manifest.dataset}, not from {asking.design.dataset}."
        )
    if manifest.data != asking.plan.table.data:
        raise UsageError(
            f"The files of {manifest.dataset} are not those that were exported; export the folds anew."
        )
    exported = [(fold.name, fold.train, tuple(fold.queries.values())) for fold in manifest.folds]
    if exported != [(fold.name, fold.train, fold.test) for fold in asking.plan.folds]:
        raise UsageError(
            f"{MANIFEST} names other folds than the {manifest.split} split has; export them anew."
        )


def _fold_file(folder: Path) -> Given | None:
    path = next((folder / name for name in RETURNED if (folder / name).is_file()), None)
    if path is None:
        return None
    if path.suffix != ".h5ad":
        return read_table(path)
    return read_anndata(path, [folder.name], folder.name)[folder.name]


def _check_ids(given: Given, exported: ExportedFold) -> None:
    unknown = [spot for spot in given.spot_ids if spot.partition(BETWEEN)[0] not in exported.queries]
    if unknown:
        raise UsageError(
            f"{exported.folder}/{given.source} predicts {unknown[0]!r}, which is no spot of query.csv.gz; keep its ids."
        )


def _part(given: Given, rows: Sequence[int], query: str) -> Given:
    ids = [given.spot_ids[row][len(query) + len(BETWEEN) :] for row in rows]
    return checked(given.source, ids, given.genes, given.values[list(rows)])


def _on_target(given: Given, panel: Sequence[str], origin: np.ndarray, unit: np.ndarray) -> Given:
    """Back from the scale that was exported; genes outside the panel stay and are told of later."""
    place = {gene: i for i, gene in enumerate(panel)}
    values = given.values.copy()
    for column, gene in enumerate(given.genes):
        if gene in place:
            values[:, column] = values[:, column] * unit[place[gene]] + origin[place[gene]]
    return Given(given.source, given.spot_ids, given.genes, values)


def manifest_text(manifest: Manifest) -> str:
    """The manifest as it is written."""
    return json.dumps(manifest.model_dump(mode="json"), indent=1) + "\n"
