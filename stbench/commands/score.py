"""`stbench score`: predictions that were made elsewhere, judged as a run's are, as rows of the same tables."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from stbench import registry
from stbench.commands.asked import DEFAULT_REFERENCE, Asked
from stbench.commands.choosing import check_seeds
from stbench.commands.outside.folders import read_predictions
from stbench.commands.outside.manifest import Manifest, as_exported, read_manifest, read_returned
from stbench.commands.outside.placing import Placed, placed
from stbench.commands.outside.question import Question, question
from stbench.commands.outside.reading import Given
from stbench.commands.outside.scales import check_scale, on_target, totals_in_words
from stbench.commands.preparing import DEFAULT_OUT
from stbench.errors import UsageError
from stbench.evaluation.folds import Fold
from stbench.evaluation.judging import Judge
from stbench.evaluation.outcome import stamped
from stbench.evaluation.partial import score_part
from stbench.evaluation.provenance import collect
from stbench.evaluation.slides_used import slides_used
from stbench.files import hash_value
from stbench.names import unusable
from stbench.record import Record, RowIdentity
from stbench.reporting.results.store import RunStore

KIND = "external"
_NOT_AUDITED = "predictions made elsewhere: leakage not audited"


@dataclass(frozen=True)
class Answer:
    """One seed's predictions: slide -> what a file holds, and that on the target's scale once it is known."""

    seed: int
    slides: Mapping[str, Given]


def score(
    predictions: Sequence[Path],
    name: str,
    asked: Asked,
    out: Path | str = DEFAULT_OUT,
    scale_of: str = "",
    note: str = "",
) -> list[Record]:
    """Score predictions, a file or folder for each of `asked.seeds`, and store them below `out`; the new Records.

    name      what their row is called;  note  what a reader must know of how they were made
    scale_of  log (ln(1 + counts per million)), cpm, counts or target; "" for log, or the target where that is another
    Nothing is stored before everything is scored. UsageError for files that do not fit the data set or the panel.
    """
    _check_name(name)
    seeds = _seeds(predictions, asked.seeds)
    manifests = [read_manifest(place) for place in predictions]
    asked = as_exported(asked, manifests)
    asking = question(asked)
    manifest = manifests[0]
    scale = "target" if manifest else scale_of or ("log" if asking.design.target == "logcpm" else "target")
    check_scale(scale, asking.design.target)
    store = RunStore(Path(out).absolute())
    store.check_writable()
    judge = asking.judge()
    answers = [
        Answer(seed, _read(place, manifest, asking, judge))
        for seed, place in zip(seeds, predictions, strict=True)
    ]
    row = RowIdentity(method=name, variant="")
    records = list(_records(asking, judge, answers, row, scale, (note, _origin(manifest))))
    for record in records:
        store.save(record)
    return [replace(record, predictions={}, training={}, truths={}) for record in records]


def _check_name(name: str) -> None:
    if not name.strip() or unusable(name):
        raise UsageError(f"--name {name!r} names nothing; give the name that the row is to have.")
    if name.strip().lower() in registry.method_sources() or name.strip().lower() == "ceiling":
        raise UsageError(f"--name {name} is the name of a row of stbench's own; give yours another.")


def _seeds(predictions: Sequence[Path], given: Sequence[int]) -> Sequence[int]:
    """A seed for each file or folder: those given, else 0, 1, ..."""
    if not predictions:
        raise UsageError("There are no predictions to score; name a file or folder.")
    seeds = given if len(given) > 1 or len(predictions) == 1 else range(len(predictions))
    check_seeds(seeds)
    if len(seeds) != len(predictions) or len(set(seeds)) < len(seeds):
        raise UsageError(
            f"--seeds names {len(set(seeds))} seeds for {len(predictions)} files or folders; give each its own."
        )
    return seeds


def _read(place: Path, manifest: Manifest | None, asking: Question, judge: Judge) -> Mapping[str, Given]:
    if manifest is not None:
        return read_returned(place, manifest, asking, judge)
    return read_predictions(place, asking.slides)


def _origin(manifest: Manifest | None) -> str:
    return "made from the folds that stbench exported" if manifest else ""


def _records(
    asking: Question,
    judge: Judge,
    answers: Sequence[Answer],
    row: RowIdentity,
    scale: str,
    notes: Sequence[str],
) -> Iterator[Record]:
    """The Records fold by fold, so that truth and ceiling of a fold are made once for all seeds."""
    judge.materials.check_genes()
    known = {gene for name in asking.slides for gene in judge.materials.slide(name).genes}
    for fold in asking.plan.folds:
        for answer in answers:
            given = {name: answer.slides[name] for name in fold.test if name in answer.slides}
            there = {name: _placed(judge, fold, name, file, scale, known) for name, file in given.items()}
            words = [*notes, _NOT_AUDITED, *(totals_in_words(file, scale) for file in given.values())]
            words += _missing(judge, fold, there)
            blank = _blank(asking, judge, fold, answer.seed, row, there)
            yield replace(
                blank,
                notes=tuple(dict.fromkeys(filter(None, words))),
                **_outcome(judge, fold, there),
            )


def _placed(judge: Judge, fold: Fold, name: str, file: Given, scale: str, known: Collection[str]) -> Placed:
    panel, slide = judge.materials.fold(fold).panel, judge.materials.slide(name)
    return placed(file, on_target(file, scale), name, slide.spot_ids, panel.genes, known)


def _blank(
    asking: Question, judge: Judge, fold: Fold, seed: int, row: RowIdentity, there: Mapping[str, Placed]
) -> Record:
    """A Record without scores, under a key that the predictions decide."""
    panel = judge.materials.fold(fold).panel
    values = {name: hash_value(one.values.tobytes().hex()) for name, one in there.items()}
    provenance = {**collect("elsewhere", 1, 1), "reference": DEFAULT_REFERENCE}
    return Record(
        key=hash_value([KIND, asking.identity(), asdict(asking.table), asdict(row), fold, seed, values]),
        table=asking.table,
        row=row,
        kind=KIND,
        seed=seed,
        fold=fold.name,
        n_folds=len(asking.plan.folds),
        train_slides=fold.train,
        test_slides=fold.test,
        leaky=panel.leaky,
        panel_note=panel.note,
        provenance=stamped({**provenance, **slides_used(judge.materials, fold)}),
    )


def _outcome(judge: Judge, fold: Fold, there: Mapping[str, Placed]) -> dict[str, Any]:
    """The fields of a Record that hold scores and what they were computed from, or why there are none."""
    lacking = [name for name in fold.test if name not in there]
    if lacking:
        return {"failure": f"no predictions of slide {', '.join(lacking)} were given"}
    panel = judge.materials.fold(fold).panel
    found = {
        name: score_part(judge, fold, name, one.values, one.spots, one.genes) for name, one in there.items()
    }
    return {
        "panel_hash": panel.hash,
        "panel_genes": panel.genes,
        "slides": tuple(scores for _, scores in found.values()),
        "unlabelled": judge.unlabelled,
        "tumour_labels": judge.tumour_labels,
        "predictions": {name: one.values[one.spots] for name, one in there.items()},
        "training": judge.training(fold).arrays(),
        "truths": {name: truth for name, (truth, _) in found.items()},
    }


def _missing(judge: Judge, fold: Fold, there: Mapping[str, Placed]) -> list[str]:
    """Spots and genes that nobody predicted, and genes that the slide does not measure."""
    words = []
    for name, one in there.items():
        measured = np.isin(judge.materials.fold(fold).panel.genes, judge.materials.slide(name).genes)
        spots, genes = int((~one.spots).sum()), int((measured & ~one.genes).sum())
        unmeasured = int((~measured).sum())
        if spots or genes:
            words.append(
                f"{spots} spots and {genes} panel genes of {name} are missing, left out and not scored"
            )
        if unmeasured:
            words.append(f"{unmeasured} panel genes are not measured on {name} and left out")
    return words
