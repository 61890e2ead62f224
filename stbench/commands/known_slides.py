"""What was found in slides when they were last read, remembered under the hash of their files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from stbench.contract import SlideSource
from stbench.errors import StbenchError
from stbench.evaluation.freshness import content_hash, harness_hash
from stbench.files import cache_root, hash_value, read_json_or_none, write_json
from stbench.slide_files.scale import differing_scales


class KnownSlide(NamedTuple):
    """A slide's spots, scale, and what its reader warns of."""

    spots: int
    microns_per_pixel: float | None
    warnings: tuple[str, ...]


def known_of(source: SlideSource) -> KnownSlide | None:
    """What was found in a slide before, else what is found now; None where it cannot be read."""
    try:
        memory = _memory(source)
        found = read_json_or_none(memory)
        if isinstance(found, list) and len(found) == len(KnownSlide._fields):
            spots, microns, warnings = found
            return KnownSlide(int(spots), microns, tuple(map(str, warnings)))
        slide = source.read()
        known = KnownSlide(slide.n_spots, slide.microns_per_pixel, slide.warnings)
        write_json(memory, list(known))
    except (StbenchError, OSError, ValueError, TypeError):  # it is named where the slide is needed
        return None
    return known


def _memory(source: SlideSource) -> Path:
    """Another version of the readers may find other things in the same files."""
    name = hash_value([source.id, content_hash(source), harness_hash()])
    return cache_root() / "hashes" / f"slide-{name}.json"


def warnings_of(sources: Sequence[SlideSource], in_pixels: bool) -> list[str]:
    """Sentences on slides that are about to be used: what their readers warn of, and scales that differ where patches
    are cut in pixels."""
    known = {source.id: found for source in sources if (found := known_of(source))}
    warned = [f"{name}: {sentence}" for name, slide in known.items() for sentence in slide.warnings]
    differing = differing_scales({name: slide.microns_per_pixel for name, slide in known.items()})
    return [f"{sentence}." for sentence in [*warned, *([differing] if in_pixels and differing else [])]]
