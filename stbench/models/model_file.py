"""A model file: written whole or not at all, read without running anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from stbench.contract import FittedState
from stbench.errors import StorageError
from stbench.files import replacing
from stbench.models.model_card import FORMAT, ModelCard
from stbench.models.tensor_file import of_bytes, to_bytes

_METHOD = "method."


@dataclass(frozen=True, eq=False)
class KeptModel:
    """A fitted method and all that is needed to predict a slide with it.

    state          what the method keeps
    origin, unit   (G,) per gene, from the method's scale back to the target's: value * unit + origin
    slide_means, slide_spreads  (training slides, d) mean and standard deviation of each slide's embeddings
    checksum       of the file, hex digits; "" before it is written
    """

    card: ModelCard
    state: FittedState
    origin: np.ndarray
    unit: np.ndarray
    slide_means: np.ndarray
    slide_spreads: np.ndarray
    checksum: str = ""

    def arrays(self) -> dict[str, np.ndarray]:
        """All numbers by the names that they have in the file."""
        own = {"scaling.origin": self.origin, "scaling.unit": self.unit}
        slides = {"slides.mean": self.slide_means, "slides.spread": self.slide_spreads}
        return own | slides | {f"{_METHOD}{name}": array for name, array in self.state.arrays.items()}


def write_model(path: Path, model: KeptModel) -> None:
    """Write a model file in one step; StorageError where that cannot be."""
    data = to_bytes(model.arrays(), model.card.model_dump(mode="json"))
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def read_model(path: Path) -> KeptModel:
    """The model in a file; StorageError, one sentence, where it is none, is damaged or of another format."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise StorageError(f"The model {path} cannot be read: {error.strerror or error}.") from error
    arrays, document, checksum = of_bytes(data, str(path))
    card = _card(document, path)
    try:
        own = [arrays[name] for name in ("scaling.origin", "scaling.unit", "slides.mean", "slides.spread")]
    except KeyError as error:
        raise StorageError(
            f"{path} lacks {error}; it is no whole model of stbench: make it again."
        ) from error
    if any(array.shape != (len(card.genes),) for array in own[:2]):
        raise StorageError(
            f"{path} scales other genes than the {len(card.genes)} of its panel; make it again."
        )
    return KeptModel(card, _state(card, arrays), *own, checksum=checksum)


def _card(document: object, path: Path) -> ModelCard:
    found = document.get("format") if isinstance(document, dict) else None
    if found != FORMAT:
        raise StorageError(
            f"{path} is a model of format {found!r}, this stbench reads format {FORMAT}; "
            "use the version that wrote it, or fit the model again."
        )
    try:
        return ModelCard.model_validate(document)
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(map(str, fault["loc"]))
        raise StorageError(
            f"{path} says something unusable of {where}: {fault['msg']}; fit the model again."
        ) from error


def _state(card: ModelCard, arrays: Mapping[str, np.ndarray]) -> FittedState:
    own = {name.removeprefix(_METHOD): array for name, array in arrays.items() if name.startswith(_METHOD)}
    return FittedState(own, card.state, card.holds_expression)
