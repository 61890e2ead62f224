"""What a result says of the slides that it rests on: the image and scale of each, and what their readers warn of."""

from __future__ import annotations

from typing import Any

from stbench.contract import MethodCard, SlideSource
from stbench.evaluation.folds import Fold
from stbench.evaluation.materials import Materials
from stbench.slide import Slide
from stbench.slide_files.scale import scales_differ


def slides_of(fold: Fold) -> tuple[str, ...]:
    """The slides that a fold's result depends on, each once."""
    return tuple(dict.fromkeys((*fold.train, *fold.test, *fold.panel_slides)))


def slides_used(materials: Materials, fold: Fold) -> dict[str, Any]:
    """For a Record's provenance: how slides were read; of each its image, platform, scale and where that is from."""
    names = slides_of(fold)
    given = materials.sources[names[0]].reading.given()
    about = {name: _about(materials.slide(name), materials.sources[name]) for name in names}
    return {"slides": about, **({"reading": given} if given else {})}


def _about(slide: Slide, source: SlideSource) -> dict[str, Any]:
    return {
        "image": image_name(slide, source),
        "platform": slide.platform,
        "microns_per_pixel": slide.microns_per_pixel,
        "scale_source": slide.scale_source,
    }


def image_name(slide: Slide, source: SlideSource) -> str:
    """The name of the file that the image lies in: its own, or the one that it was unpacked from."""
    if slide.image in source.files.values():
        return slide.image.name
    packed = source.files.get("image") or source.files.get("h5ad")
    return f"inside {packed.name}" if packed else slide.image.name


def notes_on_slides(materials: Materials, fold: Fold, card: MethodCard) -> list[str]:
    """What readers warn of, and that patches of a method that takes them show different amounts of tissue."""
    slides = [materials.slide(name) for name in slides_of(fold)]
    notes = [f"{slide.id}: {sentence}" for slide in slides for sentence in slide.warnings]
    needs = card.needs
    in_pixels = (needs.embeddings and materials.design.patch.microns is None) or bool(needs.patches)
    return [*notes, *filter(None, [scales_differ(slides) if in_pixels else ""])]
