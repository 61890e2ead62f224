"""A test slide as a released predictor is handed it: by its own encoder, patches and scale, whatever the run's are."""

from __future__ import annotations

from stbench.evaluation.materials import Materials
from stbench.evaluation.released.predictor import Released
from stbench.evaluation.trials.handouts import Handout, MappedArray
from stbench.models.scale import factor_between
from stbench.preprocess.encoders import embeddings_of
from stbench.preprocess.patches import PatchSize, patches_of


def query_handout(released: Released, materials: Materials, name: str, query_id: str) -> Handout:
    """All spots of a test slide under an opaque name, at the scale of the training slides; no expression."""
    slide, design, needs = materials.slide(name), materials.design, released.needs
    factor = factor_between(slide.microns_per_pixel, released.microns)
    embeddings = None
    if needs.embeddings:
        size = _at_scale(released.patch or design.patch, factor)
        made = embeddings_of(slide, released.encoder or design.encoder, size, design.device)
        embeddings = MappedArray.of(made, None)
    sizes = {
        edge: _at_scale(PatchSize(edge, output_pixels=needs.resized_to), factor) for edge in needs.patches
    }
    patches = {edge: MappedArray.of(patches_of(slide, size), None) for edge, size in sizes.items()}
    facts = {
        "id": query_id,
        "platform": slide.platform,
        "microns_per_pixel": slide.microns_per_pixel if factor == 1 else released.microns,
    }
    arrays = {"pixel_xy": slide.pixel_xy * factor, "array_row_column": slide.array_row_column}
    return Handout(False, facts, arrays, embeddings, patches)


def _at_scale(size: PatchSize, factor: float) -> PatchSize:
    """The patch that shows as much tissue as one of the training slides did, in as many pixels."""
    if size.microns is not None or factor == 1:
        return size
    return PatchSize(max(1, round(size.pixels / factor)), output_pixels=size.output_pixels or size.pixels)
