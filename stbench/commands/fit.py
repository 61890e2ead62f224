"""`stbench fit`: one method, trained on all slides of a data set with what the nested loop chose, kept in a file."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from stbench.commands.asked import Asked
from stbench.commands.chosen import Chosen, chosen_on_all
from stbench.commands.listener import Listener
from stbench.commands.logged_model import log_model
from stbench.commands.prepared_run import PreparedRun
from stbench.commands.preparing import DEFAULT_OUT, check_values, prepare, with_weights
from stbench.commands.released import is_model
from stbench.commands.trust import trust_card
from stbench.errors import UsageError
from stbench.evaluation.contestant import Contestant
from stbench.evaluation.fit_inputs import FitInputs, fit_inputs
from stbench.evaluation.folds import Fold
from stbench.evaluation.keeping import KeptFit, fit_and_keep
from stbench.evaluation.materials import FoldMaterials, Materials
from stbench.evaluation.provenance import stbench_version
from stbench.evaluation.trials.second_try import tried_twice
from stbench.files import make_folder
from stbench.models.model_card import ModelCard, Patch, TrainingData
from stbench.models.model_file import KeptModel, write_model
from stbench.models.seen import content_of
from stbench.preprocess.encoders import encoder_identity
from stbench.preprocess.familiarity import SlideSummaries
from stbench.preprocess.spot_grid import pitch
from stbench.slide import Slide

_UNTUNED = "untuned"
# Slides whose pixels differ in size by less than this share have one scale.
_ONE_SCALE = 0.05


class Fitted(NamedTuple):
    """A model that was written: its file, card, and what its fit said."""

    path: Path
    card: ModelCard
    seconds: float


def fit(asked: Asked, to: Path, out: Path | str = DEFAULT_OUT, listener: Listener | None = None) -> Fitted:
    """Fit the one method that is asked for on all slides of its data set, write the model to `to`, and tell MLflow.

    UsageError for several methods or seeds, MethodError where the fit fails; then nothing is written.
    """
    listener = listener or Listener()
    _check(asked, to)
    prepared = with_weights(prepare(asked, out), listener)
    contestant = _the_one(prepared)
    if contestant.released:
        raise UsageError(f"{contestant.name} has weights of its own, so that there is nothing to fit.")
    jobs = [job for job in prepared.plan.jobs if job.contestant == contestant]
    check_values(jobs[:1], prepared.sources)
    chosen = chosen_on_all(prepared, contestant)
    materials = Materials(prepared.design, prepared.sources, on_encoding=listener.encoding)
    materials.prepare([contestant.card])
    names = tuple(materials.sources)
    fold = materials.fold(Fold("all slides", names, ()))
    inputs = fit_inputs(fold, contestant.card, names)
    kept = tried_twice(lambda: _fitted(prepared, contestant, chosen, inputs, listener))
    model = _model(prepared, contestant, chosen, kept, fold, inputs)
    write_model(to, model)
    fitted = Fitted(to, model.card, kept.facts.fit.seconds)
    if problem := log_model(prepared, fitted, kept.facts):
        listener.warning(problem)
    return fitted


def _check(asked: Asked, to: Path) -> None:
    """UsageError for what is more than one model; what cannot be written to is found before anything is fitted."""
    if len(asked.methods) != 1 or asked.methods[0].lower() == "all":
        raise UsageError("A model is one method's; give --method one name.")
    if is_model(asked.methods[0]):
        raise UsageError(
            "A model is fitted already; `stbench run --method model:FILE` scores it on a data set."
        )
    if len(asked.seeds) != 1:
        raise UsageError(f"A model is fitted with one seed; --seeds names {len(asked.seeds)}.")
    if to.is_dir():
        raise UsageError(f"--to {to} is a folder; give the file that the model is to be written to.")
    make_folder(to.absolute().parent)


def _the_one(prepared: PreparedRun) -> Contestant:
    """The contestant that is asked for among the floors that join every run; of a floor the tuned one."""
    wanted = prepared.asked.methods[0].lower().replace("_", "-")
    named = [c for c in prepared.contestants if c.name == wanted and c.variant != _UNTUNED]
    return named[0] if named else prepared.contestants[0]


def _fitted(
    prepared: PreparedRun, contestant: Contestant, chosen: Chosen, inputs: FitInputs, listener: Listener
) -> KeptFit:
    seed = 0 if contestant.is_floor else prepared.asked.seeds[0]
    return fit_and_keep(
        contestant,
        inputs,
        chosen.settings,
        chosen.epochs,
        seed,
        prepared.design.device,
        prepared.design.threads,
        lambda done, total: listener.fitting(f"{contestant.name} · all slides", done, total, None),
        listener.printed,
    )


def _model(
    prepared: PreparedRun,
    contestant: Contestant,
    chosen: Chosen,
    kept: KeptFit,
    fold: FoldMaterials,
    inputs: FitInputs,
) -> KeptModel:
    materials, design = fold.materials, prepared.design
    summaries = SlideSummaries.of([materials.embeddings(name) for name in inputs.trained])
    slides = [materials.slide(name) for name in inputs.trained]
    card = ModelCard(
        stbench=stbench_version(),
        method=contestant.name,
        variant=contestant.variant,
        source=contestant.source,
        settings=dict(kept.facts.settings),
        state=dict(kept.state.plain),
        holds_expression=kept.state.holds_expression,
        chosen=chosen.words,
        seed=0 if contestant.is_floor else prepared.asked.seeds[0],
        genes=fold.panel.genes,
        target=design.target,
        encoder=encoder_identity(design.encoder),
        patch=Patch(**asdict(design.patch)),
        needs=contestant.card.needs,
        data=_training_data(prepared, slides, summaries),
        trust=trust_card(prepared, contestant, fold.panel.genes),
        notes=tuple(filter(None, (*kept.facts.notes, fold.panel.note, kept.facts.pretrained))),
    )
    return KeptModel(
        card, kept.state, inputs.scaling.origin, inputs.scaling.unit, summaries.means, summaries.spreads
    )


def _training_data(prepared: PreparedRun, slides: list[Slide], summaries: SlideSummaries) -> TrainingData:
    platforms = dict.fromkeys(slide.platform for slide in slides)
    scale = _common([slide.microns_per_pixel for slide in slides])
    pitches = [_pitch_um(slide) for slide in slides]
    known: list[Any] = [pitch for pitch in pitches if pitch is not None]
    return TrainingData(
        dataset=prepared.design.dataset,
        slides=tuple(slide.id for slide in slides),
        terms=prepared.card.licence,
        citation=prepared.card.citation,
        platform=next(iter(platforms)),
        microns_per_pixel=scale,
        pitch_um=round(float(np.median(known)), 2) if known else None,
        reach=summaries.reach(),
        contents=tuple(content_of(slide) for slide in slides),
    )


def _common(scales: list[float | None]) -> float | None:
    """The median of what all slides state, None where one states nothing or they differ."""
    known = [scale for scale in scales if scale is not None]
    if len(known) < len(scales) or max(known) > min(known) * (1 + _ONE_SCALE):
        return None
    return float(np.median(known))


def _pitch_um(slide: Slide) -> float | None:
    """Microns between neighbouring spots; None of a slide without a scale."""
    if slide.microns_per_pixel is None or slide.n_spots < 2:
        return None
    return pitch(slide.pixel_xy, slide.array_row_column) * slide.microns_per_pixel
