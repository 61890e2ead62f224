"""How a slide's array lies on its image, and whether it is turned over where the other slides' are not.

A slide may be scanned turned by any angle, and no scanner turns it over: rows and columns follow each other in one
sense of rotation on all slides of a platform. Exchanged x and y, and a mirrored image, reverse it; on round tissue
nothing else tells. Rows downwards and columns to the right is how spots are numbered by every provider met so far.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Literal, NamedTuple

import numpy as np

from stbench.slide import Slide

Sense = Literal["usual", "reversed"]
# What positions become when somebody turns them over, by (x, y) -> its linear part.
_CHANGES = {
    "x and y look exchanged": ((0, 1), (1, 0)),
    "it looks mirrored from left to right": ((-1, 0), (0, 1)),
    "it looks mirrored from top to bottom": ((1, 0), (0, -1)),
    "x and y look exchanged and both mirrored": ((0, -1), (-1, 0)),
}
# Below this a fit says nothing: the share of an array's spread across its narrower direction.
_FLAT = 1e-3


class Orientation(NamedTuple):
    """The best fitting affine map array -> image, without its shift and its scale.

    rows, columns  the directions (x, y) in which row numbers and column numbers rise, of length 1
    """

    rows: tuple[float, float]
    columns: tuple[float, float]

    @property
    def sense(self) -> Sense:
        """usual: turned about, columns rise to the right and rows downwards; reversed: turned over besides."""
        return "usual" if self.columns[0] * self.rows[1] - self.columns[1] * self.rows[0] > 0 else "reversed"

    @property
    def degrees(self) -> int:
        """The angle by which the columns' direction is turned clockwise from rightwards, 0 to 359."""
        return round(np.degrees(np.arctan2(self.columns[1], self.columns[0]))) % 360


def orientation_of(slide: Slide) -> Orientation | None:
    """By least squares over all spots; None where they lie on one line, or positions do not follow the array at all."""
    array = slide.array_row_column - slide.array_row_column.mean(axis=0)
    pixels = slide.pixel_xy - slide.pixel_xy.mean(axis=0)
    spreads = np.linalg.svd(array, compute_uv=False)
    if len(array) < 3 or spreads[-1] <= _FLAT * spreads[0]:
        return None
    linear = np.linalg.lstsq(array, pixels, rcond=None)[0]
    spreads = np.linalg.svd(linear, compute_uv=False)
    if spreads[-1] <= _FLAT * spreads[0]:
        return None
    rows, columns = (tuple(map(float, way / np.linalg.norm(way))) for way in linear)
    return Orientation(rows, columns)  # type: ignore[arg-type]


def turned_over(slides: Mapping[str, Orientation | None], platforms: Mapping[str, str]) -> dict[str, str]:
    """The slides whose sense of rotation is another than that of most of their platform, and a sentence on each.

    Where neither is in the majority, the usual sense is taken for the right one.
    """
    found: dict[str, str] = {}
    known = {name: lies for name, lies in slides.items() if lies is not None}
    for platform in dict.fromkeys(platforms[name] for name in known):
        of_platform = {name: lies for name, lies in known.items() if platforms[name] == platform}
        right = _sense_of_most(of_platform)
        others = {name: lies for name, lies in of_platform.items() if lies.sense == right}
        wrong = {name: lies for name, lies in of_platform.items() if lies.sense != right}
        found |= {name: _sentence(lies, others) for name, lies in wrong.items()}
    return found


def _sense_of_most(slides: Mapping[str, Orientation]) -> Sense:
    numbers = Counter(lies.sense for lies in slides.values())
    return "usual" if numbers["usual"] >= numbers["reversed"] else "reversed"


def _sentence(lies: Orientation, others: Mapping[str, Orientation]) -> str:
    names = list(others)
    shown = ", ".join(names) if len(names) <= 3 else f"{', '.join(names[:2])} and {len(names) - 2} more"
    return (
        f"the array is turned over on its image, unlike that of {shown}: {_likeliest(lies, list(others.values()))}; "
        "compare the positions with the image"
    )


def _likeliest(lies: Orientation, others: list[Orientation]) -> str:
    """The change that, undone, brings the array nearest to how the others lie."""
    typical = np.mean([[one.rows, one.columns] for one in others], axis=0)

    def distance(words: str) -> float:
        return float(
            np.linalg.norm(np.array([lies.rows, lies.columns]) @ np.array(_CHANGES[words]).T - typical)
        )

    return min(_CHANGES, key=distance)
