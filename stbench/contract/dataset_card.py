"""card.yaml of a dataset, typed: where its slides come from, and what is known of them."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, model_validator

from stbench.contract.card import Card


class ExpectedSlide(BaseModel):
    """What a card states about one slide as it was published; None where it states nothing.

    annotated  whether it has a pathologist's labels
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    spots: PositiveInt | None = None
    genes: PositiveInt | None = None
    annotated: bool = False


class DatasetCard(Card):
    """card.yaml of a dataset.

    n_slides        None where it depends on the user's own folder
    own_folder      the slides lie in a folder that is given with the name, as in path:DIR
    generated       made by the project's own code below the cache: synthetic, no download
    download_size   how much `stbench datasets fetch` transfers, in words ("0.9 GB"); "" where nobody knows
    expected        what is stated of single slides, by name; `stbench datasets check` compares
    max_epochs      a bound on epochs that this dataset asks for, None for no bound
    max_settings    a bound on the settings the inner loop tries
    unlabelled      annotation values that mean "no label"
    tumour_labels   annotation values that count as tumour where tumour is told from the rest
    """

    citation: str
    licence: str
    platform: str
    n_slides: int | None
    n_patients: int | None
    annotation: str = ""
    download: str = ""
    download_size: str = ""
    expected: dict[str, ExpectedSlide] = Field(default_factory=dict)
    own_folder: bool = False
    generated: bool = False
    max_epochs: PositiveInt | None = None
    max_settings: PositiveInt | None = None
    unlabelled: tuple[str, ...] = ("undetermined",)
    tumour_labels: tuple[str, ...] = ()
    marker_genes: tuple[str, ...] = ()
    quirks: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _tumour_is_labelled(self) -> DatasetCard:
        if "" in self.tumour_labels:
            raise ValueError("tumour_labels names an empty label, which spots without a label have")
        if both := set(self.tumour_labels) & set(self.unlabelled):
            raise ValueError(f"tumour_labels names {min(both)}, which unlabelled says is no label")
        return self
