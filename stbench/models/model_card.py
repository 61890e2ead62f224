"""What a model file says of itself, as typed plain values: method, data, panel, image products, what it scored.

What comes from a file may come from anybody: it is checked against these types when it is read.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt, StrictBool, StrictStr

from stbench.contract import Needs

FORMAT = 1

_Number = Annotated[float, Field(allow_inf_nan=False)]
_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class _Plain(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Score(_Plain):
    """A correlation's mean over patients (over slides where patients are not stated), and its 95% interval.

    low, high  None below three patients
    """

    mean: _Number | None = None
    low: _Number | None = None
    high: _Number | None = None


class GeneTrust(_Plain):
    """What the benchmark found for one gene.

    pcc_null     the PCC that depth alone gives, None where the results are of a version that did not keep it
    by_patient   PCC on each patient, in the order of the card's patients; None where the gene is not scored
    ceiling      the highest PCC that noise in the counts allows, None where it cannot be measured
    above_floor  whether its PCC is above the floor's on the same slides; None where that is not known
    """

    pcc: Score = Score()
    pcc_given_depth: Score = Score()
    pcc_equal_depth: Score = Score()
    pcc_null: _Number | None = None
    by_patient: tuple[_Number | None, ...] = ()
    ceiling: _Number | None = None
    above_floor: StrictBool | None = None


class SlideTrust(_Plain):
    """Scores of one test slide over its panel."""

    slide: StrictStr
    patient: StrictStr | None
    pcc: _Number | None = None
    pcc_null: _Number | None = None
    pcc_given_depth: _Number | None = None
    pcc_equal_depth: _Number | None = None


class TrustCard(_Plain):
    """What this method scored on the training data set under the nested protocol, from stored results.

    about   in words, where it comes from; or why there is none, and then the rest is empty
    patients  (slides, where their patients are not stated) that the genes' scores are means over
    floor   the method that `above_floor` compares with, "" where its results are not there
    """

    about: StrictStr
    floor: StrictStr = ""
    split: StrictStr = ""
    n_patients: NonNegativeInt | None = None
    patients: tuple[StrictStr, ...] = ()
    slides: tuple[SlideTrust, ...] = ()
    genes: dict[StrictStr, GeneTrust] = {}


class Patch(_Plain):
    """How much tissue a patch shows, as `stbench.preprocess.patches.PatchSize` has it."""

    pixels: PositiveInt
    microns: _Positive | None = None
    output_pixels: PositiveInt | None = None


class SlideContent(_Plain):
    """What a training slide is known by wherever it turns up again: hashes of its counts ("" without) and image."""

    slide: StrictStr
    patient: StrictStr | None
    counts: StrictStr
    image: StrictStr


class TrainingData(_Plain):
    """The slides that a model was fitted on.

    terms              the data set's licence, in its card's words
    microns_per_pixel  of the slides, None where they do not state one, or not the same within a twentieth
    pitch_um           between neighbouring spots, None where nothing tells
    reach              the largest distance of a training slide's mean embedding from the nearest other one, in
                       spreads; None with a single slide
    contents           of each slide, () in models of versions that did not write them
    """

    dataset: StrictStr
    slides: tuple[StrictStr, ...]
    terms: StrictStr
    citation: StrictStr
    platform: StrictStr
    microns_per_pixel: _Positive | None = None
    pitch_um: _Positive | None = None
    reach: _Number | None = None
    contents: tuple[SlideContent, ...] = ()


class ModelCard(_Plain):
    """Everything about a kept model but its numbers.

    source            hash of the plugin's source that fitted it
    chosen            in words, where settings and epochs come from
    state             the plain part of what the method keeps
    holds_expression  whether measured profiles of training spots are in the file
    encoder           identity of the image encoder: name, weights, transform
    patch             of the encoder;  needs  what the method asks for besides
    """

    format: Literal[1] = FORMAT
    stbench: StrictStr
    method: StrictStr
    variant: StrictStr
    source: StrictStr
    settings: dict[StrictStr, Any]
    state: dict[StrictStr, Any]
    holds_expression: StrictBool
    chosen: StrictStr
    seed: NonNegativeInt
    genes: tuple[StrictStr, ...]
    target: Literal["logcpm", "pearson"]
    encoder: dict[StrictStr, Any]
    patch: Patch
    needs: Needs
    data: TrainingData
    trust: TrustCard
    notes: tuple[StrictStr, ...] = ()
