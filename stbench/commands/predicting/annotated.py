"""Predictions as AnnData, laid out as scanpy and squidpy expect a Visium slide.

X                     predicted log values, natural log of 1 + counts per million (or Pearson residuals, see uns)
layers["cpm"]         predicted counts per million, where the target is logcpm
obs                   slide, array_row, array_col, in_tissue
obsm["spatial"]       spot centres in full-resolution pixels, x then y
var                   the trust card: what the benchmark found for each gene
varm["pcc_by_patient"]  its PCC on each patient, named in uns["stbench"]["patients"]
uns["spatial"][id]    the slide's picture and its scale factors
uns["stbench"]        method, model, training data and whether that is synthetic, warnings
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from PIL import Image

from stbench import registry
from stbench.commands.predicting.query_slides import Query
from stbench.models.model_card import GeneTrust, Score
from stbench.models.model_file import KeptModel
from stbench.preprocess.thumbnails import thumbnail_of
from stbench.slide import Slide

if TYPE_CHECKING:
    from anndata import AnnData

HIRES, LOWRES = 2000, 600
CORRELATIONS = ("pcc", "pcc_given_depth", "pcc_equal_depth")


class Predicted(NamedTuple):
    """A slide and what is predicted for it: (n_spots, genes of the whole panel) float32 on the target's scale."""

    query: Query
    values: np.ndarray


def annotated(
    slides: Sequence[Predicted], model: KeptModel, genes: np.ndarray, warnings: Sequence[str]
) -> AnnData:
    """All slides in one AnnData; `genes` are the columns of the panel that are given, by number."""
    from anndata import AnnData

    values = np.concatenate([predicted.values[:, genes] for predicted in slides])
    several = len(slides) > 1
    data = AnnData(
        X=values,
        obs=pd.concat([_spots(predicted.query.slide, several) for predicted in slides]),
        var=trust_table(model, genes),
    )
    data.obsm["spatial"] = np.concatenate([predicted.query.slide.pixel_xy for predicted in slides])
    if patients := model.card.trust.patients:
        known = [model.card.trust.genes.get(name, GeneTrust()).by_patient for name in data.var_names]
        data.varm["pcc_by_patient"] = np.stack(
            [_numbers(scores or [None] * len(patients)) for scores in known]
        )
    if model.card.target == "logcpm":
        data.layers["cpm"] = np.expm1(np.maximum(values, 0))
    data.uns["spatial"] = {predicted.query.slide.id: _picture(predicted.query) for predicted in slides}
    data.uns["stbench"] = about(model, len(model.card.genes) - len(genes), warnings)
    return data


def _spots(slide: Slide, several: bool) -> pd.DataFrame:
    names = [f"{slide.id}-{spot}" for spot in slide.spot_ids] if several else list(slide.spot_ids)
    columns = {
        "slide": pd.Categorical([slide.id] * slide.n_spots),
        "in_tissue": np.ones(slide.n_spots, dtype=np.int64),
        "array_row": slide.array_row_column[:, 0],
        "array_col": slide.array_row_column[:, 1],
    }
    return pd.DataFrame(columns, index=pd.Index(names, name="spot", dtype=object))


def trust_table(model: KeptModel, genes: np.ndarray) -> pd.DataFrame:
    """The trust card of these genes: correlations with the ends of their intervals, null, ceiling, above_floor.

    above_floor is yes or no. What is not known is NaN, and above_floor "unknown".
    """
    names = [model.card.genes[gene] for gene in genes]
    found = [model.card.trust.genes.get(name, GeneTrust()) for name in names]
    columns: dict[str, Any] = {}
    for column in CORRELATIONS:
        scores: list[Score] = [getattr(trust, column) for trust in found]
        columns[column] = _numbers([score.mean for score in scores])
        columns[f"{column}_low"] = _numbers([score.low for score in scores])
        columns[f"{column}_high"] = _numbers([score.high for score in scores])
    columns["pcc_null"] = _numbers([trust.pcc_null for trust in found])
    columns["ceiling"] = _numbers([trust.ceiling for trust in found])
    words = {True: "yes", False: "no", None: "unknown"}
    columns["above_floor"] = pd.Categorical([words[trust.above_floor] for trust in found], words.values())
    return pd.DataFrame(columns, index=pd.Index(names, name="gene", dtype=object))


def _numbers(values: Sequence[float | None]) -> np.ndarray:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def _picture(query: Query) -> dict[str, Any]:
    """Pictures at two sizes as uint8 RGB, their pixels per full-resolution pixel, and a spot's diameter there."""
    image = query.slide.image
    hires, lowres = thumbnail_of(image, HIRES), thumbnail_of(image, LOWRES)
    across = float(query.diameter) if query.diameter is not None else _half_of_pitch(query.slide)
    factors = {
        "tissue_hires_scalef": hires.scale,
        "tissue_lowres_scalef": lowres.scale,
        "spot_diameter_fullres": across,
        "fiducial_diameter_fullres": across,
    }
    pictures = {"hires": _pixels(hires.jpeg), "lowres": _pixels(lowres.jpeg)}
    about_scale = {
        "microns_per_pixel": query.slide.microns_per_pixel,
        "scale_source": query.slide.scale_source,
    }
    metadata = {name: value for name, value in about_scale.items() if value not in (None, "")}
    return {"images": pictures, "scalefactors": factors, "metadata": metadata}


def _half_of_pitch(slide: Slide) -> float:
    """A diameter for drawing where no scale is known: half the distance of the nearest spots."""
    from scipy.spatial import KDTree

    if slide.n_spots < 2:
        return 100.0
    return float(np.median(np.asarray(KDTree(slide.pixel_xy).query(slide.pixel_xy, k=2)[0])[:, 1])) / 2


def _pixels(jpeg: np.ndarray) -> np.ndarray:
    with Image.open(io.BytesIO(jpeg.tobytes())) as image:
        return np.asarray(image.convert("RGB"))


def about(model: KeptModel, n_left_out: int, warnings: Sequence[str]) -> dict[str, Any]:
    """What a reader of the file must know, as plain values that any AnnData file holds."""
    card = model.card
    found: Mapping[str, Any] = {
        "method": card.method,
        "variant": card.variant,
        "model": model.checksum,
        "stbench": card.stbench,
        "target": card.target,
        "encoder": str(card.encoder.get("encoder", "")),
        "dataset": card.data.dataset,
        "synthetic": registry.is_generated(card.data.dataset),
        "training_slides": list(card.data.slides),
        "settings": card.chosen,
        "trust": card.trust.about,
        "patients": list(card.trust.patients),
        "floor": card.trust.floor,
        "genes_left_out": n_left_out,
        "holds_expression": card.holds_expression,
        "terms": card.data.terms,
        "warnings": list(warnings),
    }
    return {
        name: np.array(value, dtype=object) if isinstance(value, list) else value
        for name, value in found.items()
    }
