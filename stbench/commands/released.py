"""Released predictors as contestants: a model file that `stbench fit` wrote, or a plugin with weights of its own."""

from __future__ import annotations

import re
from pathlib import Path

from stbench import registry
from stbench.contract import MethodCard, Needs
from stbench.errors import EncoderError, PluginError, UnknownName, UsageError
from stbench.evaluation.contestant import Contestant
from stbench.evaluation.provenance import stbench_version
from stbench.evaluation.released.predictor import Released
from stbench.evaluation.trials.plugins import PluginPlace
from stbench.files import hash_file
from stbench.models.model_card import ModelCard
from stbench.models.model_file import read_model
from stbench.preprocess.encoders import encoder_identity, find_encoder, have_weights
from stbench.preprocess.patches import PatchSize

PREFIX = "model:"
_LONGEST = 24
_NOT_TO_BE_FITTED = {"kind": "released", "grid": ({},), "full_grid": {}, "at_prediction": (), "staged": False}
_NOTHING_PUBLISHED = {"presets": {}, "published_steps": {}, "pretrained": (), "ablations": ()}


def is_model(name: str) -> bool:
    """Whether a method is named by a model file, as in model:FILE."""
    return name.startswith(PREFIX)


def is_released(name: str) -> bool:
    """Whether what is named is not fitted: a model file, or a plugin whose card says so."""
    return is_model(name) or registry.method_card(name).kind == "released"


def model_path(name: str) -> Path:
    """The file of model:FILE; UsageError where none is named or it is not there."""
    text = name.removeprefix(PREFIX)
    if not text:
        raise UsageError("model: needs the file that stbench fit wrote, as in --method model:ridge.stbench.")
    path = Path(text).expanduser().absolute()
    if not path.is_file():
        raise UsageError(f"The model {path} is not there; `stbench fit --to FILE` writes one.")
    return path


def model_contestant(name: str) -> Contestant:
    """The contestant of model:FILE; UsageError, one sentence, where the model cannot be used here."""
    path = model_path(name)
    card = read_model(path).card
    _check_version(card, path)
    plugin_card = _plugin_card(card, path)
    if card.needs.embeddings:
        _check_encoder(card, path)
    source, digest = registry.source_hash("method", card.method), hash_file(path)
    notes = [
        f"fitted on {len(card.data.slides)} slides of {card.data.dataset} ({card.chosen}), nothing is fitted here"
    ]
    if source != card.source:
        notes.append(
            f"the source of {card.method} here is not the one that was fitted: it may predict otherwise"
        )
    released = Released(
        method=card.method,
        light=plugin_card.kind == "floor",
        genes=card.genes,
        needs=card.needs,
        path=path,
        sha256=digest,
        encoder=str(card.encoder.get("encoder")) if card.needs.embeddings else None,
        patch=PatchSize(**card.patch.model_dump()),
        microns=card.data.microns_per_pixel,
        target=card.target,
        data=card.data,
        notes=tuple(notes),
    )
    # What it needs is made by its own encoder, so that the run's need not be.
    changes = {**_NOT_TO_BE_FITTED, **_NOTHING_PUBLISHED, "needs": Needs()}
    return Contestant(
        shown(card, digest),
        plugin_card.model_copy(update=changes),
        source,
        "",
        card.settings,
        {},
        tuned=False,
        place=PluginPlace(*registry.find("method", card.method)),
        released=released,
    )


def released_plugin(name: str, card: MethodCard) -> Released:
    """What a plugin with weights of its own is made of; PluginError where the list of its genes is not there."""
    assert card.released is not None, "a card of kind released says so"
    path = registry.find("method", name).folder / card.released.genes
    try:
        genes = tuple(path.read_text(encoding="utf-8").split())
    except (OSError, UnicodeDecodeError) as error:
        raise PluginError(
            f"Plugin {name} names its genes in {path}, which cannot be read: {error}."
        ) from error
    if not genes or len(set(genes)) < len(genes):
        raise PluginError(f"Plugin {name}: {path} must name genes, one a line, each once.")
    told = card.released.pretraining
    return Released(
        method=name,
        light=False,
        genes=genes,
        needs=card.needs,
        declared=None if told == "unknown" else dict(told.datasets),
        notes=("has weights of its own, nothing is fitted here",),
    )


def check_target(contestant: Contestant, target: str) -> None:
    """UsageError where a released predictor predicts on another scale than the run scores."""
    released = contestant.released
    if released is not None and released.target != target:
        raise UsageError(
            f"{contestant.name} predicts {released.target}, which cannot be turned into {target}; run with --target "
            f"{released.target}."
        )


def shown(card: ModelCard, digest: str) -> str:
    """A short name that is safe anywhere and tells two models apart: 'ridge (demo 1a2b3c4d)'."""
    method = f"{card.method} {card.variant}" if card.variant else card.method
    dataset = re.sub(r"[^A-Za-z0-9._-]+", "-", card.data.dataset)[:_LONGEST]
    return f"{re.sub(r'[^A-Za-z0-9 ._-]+', '-', method)[:_LONGEST]} ({dataset} {digest[:8]})"


def _check_version(card: ModelCard, path: Path) -> None:
    if card.stbench != stbench_version():
        raise UsageError(
            f"{path} was written by stbench {card.stbench}, this is {stbench_version()}: install that version, or fit "
            "it again."
        )


def _plugin_card(card: ModelCard, path: Path) -> MethodCard:
    try:
        return registry.method_card(card.method)
    except UnknownName as error:
        raise UsageError(
            f"{path} is a model of {card.method!r}, a method that is not installed here; install its plugin."
        ) from error


def _check_encoder(card: ModelCard, path: Path) -> None:
    """EncoderError where embeddings of its kind cannot be made here."""
    name = str(card.encoder.get("encoder"))
    try:
        find_encoder(name)
    except UnknownName as error:
        raise EncoderError(
            f"{path} was trained with embeddings of {name!r}, an encoder that is not installed here."
        ) from error
    have_weights(name)
    if encoder_identity(name) != card.encoder:
        raise EncoderError(
            f"The encoder {name} here is not the one that {path} was trained with: its weights or its transform "
            "differ; install those, or fit the model again."
        )
