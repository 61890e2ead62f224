"""`stbench predict`: a kept model's predictions for slides that need have no expression.

A model is loaded without running anything of its file; the method that it names is found among the plugins here and
restored in a sealed child, like any trial.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stbench import registry
from stbench.commands.choosing import choose_device
from stbench.commands.listener import Listener
from stbench.commands.predicting.annotated import Predicted, annotated
from stbench.commands.predicting.familiar import warnings_on
from stbench.commands.predicting.products import Encoding, Products, discard, sum_of_embeddings
from stbench.commands.predicting.query_slides import Layout, Query, queries
from stbench.commands.predicting.writing import check_target, write
from stbench.errors import EncoderError, UsageError
from stbench.evaluation.keeping import Restored, predictions_of
from stbench.evaluation.provenance import stbench_version
from stbench.evaluation.threads import threads_for
from stbench.evaluation.trials.handouts import Handout
from stbench.evaluation.trials.launcher import station
from stbench.evaluation.trials.plugins import PluginPlace
from stbench.models.model_card import ModelCard
from stbench.models.model_file import KeptModel, read_model
from stbench.names import SYNTHETIC
from stbench.pictures.opening import open_image

if TYPE_CHECKING:
    from anndata import AnnData

# Spots whose embeddings say how a slide is stained where the method asks for none.
_SAMPLED = 200


@dataclass(frozen=True, eq=False)
class Model:
    """A model as `stbench.load` gives it.

    card  everything about it but its numbers: method, genes, training slides, trust card
    """

    kept: KeptModel

    @property
    def card(self) -> ModelCard:
        return self.kept.card

    def predict(
        self,
        *slides: str | Path,
        spots: Path | str | None = None,
        pitch_um: float | None = None,
        um_per_px: float | None = None,
        all_genes: bool = False,
        device: str = "auto",
        listener: Listener | None = None,
    ) -> AnnData:
        """Predictions for images, or path:DIR, as AnnData; parameters are the options of `stbench predict`.

        Raises UsageError for unusable slides, MethodError where the method fails.
        """
        _warm_up(self.card)
        layout = Layout.of(self.card.data, pitch_um, um_per_px, Path(spots) if spots else None)
        genes, found = genes_given(self.card, all_genes), queries(slides, layout)
        return _predicted(self.kept, found, genes, device, listener or Listener())


def load(path: Path | str) -> Model:
    """The model in a file that `stbench fit` wrote; UsageError where it cannot be used here."""
    kept = read_model(Path(path))
    here, written = stbench_version(), kept.card.stbench
    if here != written:
        raise UsageError(
            f"{path} was written by stbench {written}, this is {here}: install that version, or fit it again."
        )
    registry.find("method", kept.card.method)
    return Model(kept)


def predict(
    model: Path | str,
    slides: Sequence[str],
    to: Path,
    spots: Path | None = None,
    pitch_um: float | None = None,
    um_per_px: float | None = None,
    all_genes: bool = False,
    device: str = "auto",
    listener: Listener | None = None,
) -> AnnData:
    """Predict slides and write them to `to`: .h5ad, .csv, .geojson or .zarr; nothing is written where that fails."""
    check_target(to)
    loaded = load(model)
    _warm_up(loaded.card)
    layout = Layout.of(loaded.card.data, pitch_um, um_per_px, spots)
    genes, found = genes_given(loaded.card, all_genes), queries(slides, layout)
    check_target(to, len(found))
    data = _predicted(loaded.kept, found, genes, device, listener or Listener())
    write(data, to)
    return data


def genes_given(card: ModelCard, all_genes: bool) -> np.ndarray:
    """The panel's columns that are given: without those below the floor, unless all are asked for."""
    below = {gene for gene, trust in card.trust.genes.items() if trust.above_floor is False}
    if all_genes or not below:
        return np.arange(len(card.genes))
    kept = np.array([i for i, gene in enumerate(card.genes) if gene not in below], dtype=int)
    if not len(kept):
        raise UsageError(
            f"None of the {len(card.genes)} genes stands above {card.trust.floor}; --all-genes predicts them anyway."
        )
    return kept


def _predicted(
    model: KeptModel, found: Sequence[Query], genes: np.ndarray, device: str, listener: Listener
) -> AnnData:
    warnings: list[str] = []

    def warn(sentence: str) -> None:
        if sentence not in warnings:
            warnings.append(sentence)
            listener.warning(sentence)

    for sentence in _before(model):
        warn(sentence)
    on = choose_device(device)
    card = model.card
    encoding = Encoding.of(card, model.slide_means.shape[1], on) if card.needs.embeddings else None
    slides = [_slide(model, query, encoding, on, listener, warn) for query in found]
    return annotated(slides, model, genes, warnings)


def _before(model: KeptModel) -> Iterator[str]:
    """What a user must know whatever the slide."""
    card = model.card
    if registry.is_generated(card.data.dataset):
        yield (
            f"the model was trained on {SYNTHETIC} slides ({card.data.dataset}): its predictions show that the "
            "pipeline works, and nothing about tissue"
        )
    if registry.source_hash("method", card.method) != card.source:
        yield f"the source of {card.method} here is not the one that was fitted: its predictions may differ"
    if not card.trust.slides:
        yield f"nothing is known of how far these predictions can be trusted; {card.trust.about}"


def _slide(
    model: KeptModel,
    query: Query,
    encoding: Encoding | None,
    device: str,
    listener: Listener,
    warn: Callable[[str], None],
) -> Predicted:
    """One slide's predictions on the target's scale, region by region."""
    card, slide = model.card, query.slide
    for sentence in slide.warnings:
        warn(f"{slide.id}: {sentence}")
    values, total = np.empty((slide.n_spots, len(card.genes)), dtype=np.float32), None
    with tempfile.TemporaryDirectory(prefix="stbench-") as scratch:
        products = Products(card, Path(scratch), encoding)
        handed = products.handouts(query, lambda done, all_: listener.encoding(slide.id, done, all_))
        for number, (region, handout) in enumerate(zip(query.regions, handed, strict=True)):
            part = sum_of_embeddings(handout)
            total = part if total is None or part is None else total + part
            values[region] = _region(
                model, handout, device, lambda words: warn(f"{slide.id}: {words}"), listener
            )
            discard(handout)
            listener.fitting(f"{card.method} · {slide.id}", number + 1, len(query.regions), None)
        mean = _sampled_mean(products, query, model, device, warn) if total is None else total / slide.n_spots
    for sentence in warnings_on(slide, model, mean):
        warn(sentence)
    return Predicted(query, values)


def _is_floor(card: ModelCard) -> bool:
    return registry.method_card(card.method).kind == "floor"


def _warm_up(card: ModelCard) -> None:
    """Have the process that starts children load its libraries while this one loads its own."""
    station(_is_floor(card))


def _region(
    model: KeptModel, handout: Handout, device: str, warn: Callable[[str], None], listener: Listener
) -> np.ndarray:
    """(spots, genes) predictions of a region on the target's scale, made in a sealed child of its own."""
    card = model.card
    floor = _is_floor(card)
    restored = Restored(
        PluginPlace(*registry.find("method", card.method)), card.settings, model.state, len(card.genes), floor
    )
    on = "cpu" if floor else device
    (found,) = predictions_of(restored, [handout], on, threads_for(None), warn, listener.printed)
    return found * model.unit + model.origin


def _sampled_mean(
    products: Products, query: Query, model: KeptModel, device: str, warn: Callable[[str], None]
) -> np.ndarray | None:
    """The mean embedding of some spots spread over the slide, for a method that looks at patches alone."""
    try:
        products.encoding = Encoding.of(model.card, model.slide_means.shape[1], device)
    except EncoderError as error:
        warn(f"{query.slide.id}: its staining cannot be compared with the training slides'. {error}")
        return None
    xy = query.slide.pixel_xy
    spots = np.unique(np.linspace(0, len(xy) - 1, min(len(xy), _SAMPLED)).astype(int))
    with open_image(query.slide.image) as image:
        return products.embedded(image, query.slide, xy[spots]).mean(axis=0, dtype=np.float64)
