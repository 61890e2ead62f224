"""What a released predictor is made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stbench.contract import FittedState, Needs
from stbench.errors import UsageError
from stbench.files import hash_file
from stbench.models.model_card import TrainingData
from stbench.models.model_file import read_model
from stbench.models.seen import Verdict, seen_as_declared, seen_by_content
from stbench.preprocess.encoders import encoder_label
from stbench.preprocess.patches import PatchSize
from stbench.slide import Slide


@dataclass(frozen=True, eq=False)
class Learned:
    """What a predictor knows, opened for as long as it predicts.

    origin, unit  (G,) from the method's scale to the target's: value * unit + origin
    """

    state: FittedState
    origin: np.ndarray
    unit: np.ndarray


@dataclass(frozen=True)
class Released:
    """A predictor that is not fitted here.

    method      the plugin behind it;  light  whether that trains no network
    genes       what it predicts, G of them
    needs       of image products
    path        the model file, None for a plugin that has its weights in its own folder
    sha256      of that file, "" without one
    encoder     its own, None for the run's;  patch  likewise
    target      the scale of its predictions
    microns     per pixel of its training slides, None where nobody says
    data        its training slides, None where a card speaks of them
    declared    data set -> slides trained on, as a card says; None for unknown
    notes       what a reader of its row must know
    """

    method: str
    light: bool
    genes: tuple[str, ...]
    needs: Needs
    path: Path | None = None
    sha256: str = ""
    encoder: str | None = None
    patch: PatchSize | None = None
    microns: float | None = None
    target: str = "logcpm"
    data: TrainingData | None = None
    declared: Mapping[str, Sequence[str]] | None = None
    notes: tuple[str, ...] = ()

    def identity(self) -> list[Any]:
        """What its predictions depend on besides the plugin's source."""
        return ["released", self.sha256, list(self.genes), self.encoder and encoder_label(self.encoder)]

    def of_table(self, encoder: str) -> dict[str, str]:
        """Fields of its Records' table that are its own, in a run of `encoder`: it was not tuned, and looks its way."""
        label = encoder_label(self.encoder or encoder) if self.needs.embeddings else ""
        return {"inner": "none", "checkpoints": "", "tune_on": "pcc", "encoder": label}

    def learned(self) -> Learned:
        """Its state and scaling; UsageError where the model file is no longer the one that was planned with."""
        if self.path is None:
            n = len(self.genes)
            return Learned(FittedState({}, {}), np.zeros(n), np.ones(n))
        model = read_model(self.path)
        if hash_file(self.path) != self.sha256:
            raise UsageError(f"The model {self.path} changed after this run was planned: run it again.")
        return Learned(model.state, model.origin, model.unit)

    def seen(self, dataset: str, slides: Iterable[Slide]) -> dict[str, Verdict]:
        """Slide -> whether it was, or may have been, trained on; `slides` are all of the data set."""
        if self.data is not None:
            return seen_by_content(self.data, dataset, slides)
        return seen_as_declared(self.declared, dataset, [slide.id for slide in slides])
