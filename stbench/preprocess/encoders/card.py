"""What is known of an encoder: the typed form of its card, where a mistyped key is an error."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, model_validator

Channels = tuple[float, float, float]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Transform(BaseModel):
    """What is done to a patch's pixels, red, green and blue in [0, 1]: less `mean`, over `std`.

    edge  that patches are resized to, None for any
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    edge: PositiveInt | None = None
    mean: Channels
    std: Channels


class EncoderCard(BaseModel):
    """card.yaml of an encoder; what is not known is left out, and `note` says so.

    name            as --encoder takes it
    width           how many numbers it makes of a patch
    weights         what they were trained on, in words
    weights_file    where they lie: in the encoder's own folder, or an absolute path
    weights_sha256  SHA-256 of their file; where weights_file is given too, the file is held to it
    transform       what its input is scaled to; encoder.py does that itself
    patch_um        edge in microns of the tissue that fills its input at the resolution that it was trained at
    gated           whether somebody has to be asked for the weights
    access          where the weights come from, or where to ask for them
    hub             their repository on Hugging Face, of a built-in one
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    title: str
    width: PositiveInt
    weights: str
    weights_file: Path | None = None
    weights_sha256: Sha256 | None = None
    transform: Transform | None = None
    patch_um: PositiveFloat | None = None
    licence: str = ""
    gated: bool | None = None
    access: str
    hub: str = ""
    note: str = ""

    @model_validator(mode="after")
    def _says_where_to_ask(self) -> EncoderCard:
        if self.gated and "https://" not in self.access:
            raise ValueError("gated weights need an https:// address to ask at, under access")
        return self
