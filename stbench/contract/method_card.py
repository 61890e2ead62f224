"""card.yaml of a method, typed: what it needs, tries and was published with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, model_validator

from stbench.contract.card import Card

TrainingScale = Literal["log", "minmax", "zscore"]


class Needs(BaseModel):
    """What the harness prepares for a method.

    patches           edges in full-resolution pixels of the patches it wants, besides or instead of embeddings
    resized_to        pixels that each of these patches arrives with (bilinear, antialiased), None for its own
    products          of embeddings, made once for all trials: "gram" is each training slide's Gram matrix
    min_train_slides  fewer than these and it cannot be fitted
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    embeddings: bool = False
    patches: tuple[PositiveInt, ...] = ()
    resized_to: PositiveInt | None = None
    products: tuple[Literal["gram"], ...] = ()
    min_train_slides: PositiveInt = 1

    @model_validator(mode="after")
    def _products_of_embeddings(self) -> Needs:
        if self.products and not self.embeddings:
            raise ValueError("products are of embeddings, which the card does not ask for")
        return self


class PublishedSteps(BaseModel):
    """Optimiser steps that a publication's own training takes, and how that number comes about, in words."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    steps: PositiveInt
    regime: str


class Ablation(BaseModel):
    """A part of a method changed, as a table of its paper does: `stbench ablate` runs it.

    table, name  as the paper prints them ("Table 2", "w/o E_TS"): its own numbers are found by these
    settings     what is changed of the method's settings, or
    encoder      the image encoder that is put in the place of the run's
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    table: str
    name: str
    settings: dict[str, Any] = Field(default_factory=dict)
    encoder: str = ""

    @model_validator(mode="after")
    def _changes_one_thing(self) -> Ablation:
        if bool(self.settings) == bool(self.encoder):
            raise ValueError(f"ablation {self.name} changes either settings or the encoder")
        return self


class Pretraining(BaseModel):
    """What a released predictor's weights were trained on, as its makers state it.

    datasets  data set, by its name here -> those of its slides that were trained on, [] for all of them; data sets that
              are none here may be named as well
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    datasets: dict[str, tuple[str, ...]]


class ReleasedCard(BaseModel):
    """What is released with a predictor that has its own weights and is never fitted here.

    genes        a file beside the card that names the genes which it predicts, one a line, in the order of its columns
    pretraining  on what it was trained, or the word unknown
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    genes: str
    pretraining: Literal["unknown"] | Pretraining


class MethodCard(Card):
    """card.yaml of a method.

    kind        "floor" for the simple rivals that stand in every table; "released" for a predictor that has its own
                weights and is never fitted (a `ReleasedMethod`); else "method"
    released    of that kind only: which genes it predicts, on what it was trained
    reference   repository, commit and licence of the authors' code, in words
    trains_on   the scale that its losses are tuned to: the target as it is (log), or moved per gene by the training
                slides (minmax, zscore); the harness hands it that scale and inverts before scoring. None (a method
                that any per-gene affine map leaves alone) takes the run's scale
    presets     settings that differ from the defaults (which are the preset `paper`), by preset name
    published_steps  steps of the publication's training, by preset; one without an entry trains as `paper` does
    grid        the inner loop's short list of settings, the default ({}) first, at most four
    full_grid   name -> values; `--grid full` tries the product
    at_prediction  settings of the grids that change what a fitted method predicts, not what it learns: all their
                values are tried on one fit, by `Method.with_settings`
    staged      its training can stop after an epoch and go on in another process, bit for bit: `--halving` stops
                settings that trail; a method that is not staged always trains to its end
    pretrained  published weights that the method's own network starts from, by the names of preprocess/weights.py;
                they are fetched before any fitting starts
    ablations   parts of the method changed, one by one, as the tables of its paper do
    """

    kind: Literal["method", "floor", "released"] = "method"
    released: ReleasedCard | None = None
    family: str
    paper: str = ""
    year: int | None = None
    venue: str = ""
    link: str = ""
    reference: str = ""
    needs: Needs = Needs()
    trains_on: TrainingScale | None = None
    presets: dict[str, dict[str, Any]] = Field(default_factory=dict)
    published_steps: dict[str, PublishedSteps] = Field(default_factory=dict)
    grid: tuple[dict[str, Any], ...] = Field(default=({},), max_length=4)
    full_grid: dict[str, list[Any]] = Field(default_factory=dict)
    at_prediction: tuple[str, ...] = ()
    staged: bool = False
    pretrained: tuple[str, ...] = ()
    ablations: tuple[Ablation, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _renamed_key(cls, given: Any) -> Any:
        if isinstance(given, Mapping) and "target" in given:
            raise ValueError(
                f"the key target is called trains_on now; write trains_on: {given['target']} in its place"
            )
        return given

    @model_validator(mode="after")
    def _released_whole(self) -> MethodCard:
        if (self.kind == "released") != (self.released is not None):
            raise ValueError(
                "kind: released and the key released (genes, pretraining: unknown or datasets) go together"
            )
        if self.kind == "released" and (len(self.grid) > 1 or self.full_grid or self.staged or self.presets):
            raise ValueError(
                "a released predictor is not fitted, so that it has no grid, full_grid, presets or staged"
            )
        return self

    @model_validator(mode="after")
    def _default_first(self) -> MethodCard:
        if not self.grid or self.grid[0] != {}:
            raise ValueError("grid must start with {} (the default settings)")
        return self

    @model_validator(mode="after")
    def _steps_of_presets(self) -> MethodCard:
        if unknown := self.published_steps.keys() - self.presets.keys():
            raise ValueError(f"published_steps names {min(unknown)}, which is no preset")
        return self

    @model_validator(mode="after")
    def _at_prediction_in_grids(self) -> MethodCard:
        tried = set(self.full_grid).union(*self.grid)
        if unknown := set(self.at_prediction) - tried:
            raise ValueError(f"at_prediction names {min(unknown)}, which is in neither grid nor full_grid")
        return self

    @model_validator(mode="after")
    def _ablations_once(self) -> MethodCard:
        names = [(ablation.table, ablation.name) for ablation in self.ablations]
        twice = next((name for i, name in enumerate(names) if name in names[:i]), None)
        if twice:
            raise ValueError(f"ablations names {twice[1]} of {twice[0]} twice")
        return self

    def steps_published(self, preset: str) -> int | None:
        """Optimiser steps of the publication's training under a preset, None where the card states none."""
        stated = self.published_steps.get(preset) or self.published_steps.get("paper")
        return stated.steps if stated else None
