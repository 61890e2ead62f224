"""The picture of a slide's spots: every label is in its legend, whatever it is called."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.cbook import is_math_text
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image
from tiny_slides import make_slide

from stbench.commands.inspecting.pictures import draw_spots, picture_of

LABELS = ("_hidden", "$a$ and $b$", "x" * 400, "\x1b[31mred", "")


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("labelled", [True, False])
def test_a_picture_of_generated_tissue_says_so_where_nothing_else_stands(tmp_path: Path, labelled: bool):
    annotation = np.array(["tumour"] * 36) if labelled else None
    slide = make_slide(tmp_path, "S1", "p", 0, id="S1", annotation=annotation)
    for name, synthetic in (("real", False), ("demo", True)):
        draw_spots(slide, picture_of(slide), tmp_path / f"{name}.png", synthetic)
    with Image.open(tmp_path / "demo.png") as demo, Image.open(tmp_path / "real.png") as real:
        assert demo.info["Description"].startswith("SYNTHETIC") and "Description" not in real.info
        line = demo.height - real.height
        height, pixels = len(picture_of(slide).pixels), np.asarray(demo)
        assert (pixels[height : height + line] < 128).any()  # the line itself
        rest = np.concatenate([pixels[:height], pixels[height + line :]])
        np.testing.assert_array_equal(rest, np.asarray(real))


@pytest.mark.usefixtures("cache")
def test_every_label_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    drawn: list[Figure] = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, path, **_: (drawn.append(figure), path.touch()))
    annotation = np.array(LABELS)[np.arange(36) % len(LABELS)]
    slide = make_slide(tmp_path, "S1", "$p$ $q$", 0, id="$s_1$ $", annotation=annotation)
    draw_spots(slide, picture_of(slide), tmp_path / "spots.png", False)
    (legend,) = drawn[0].legends
    named = [text.get_text().strip().replace(r"\$", "$") for text in legend.get_texts()]
    assert len(named) == len(LABELS) and {"_hidden (8)", "$a$ and $b$ (7)", "no label (7)"} <= set(named)
    texts = [text for text in drawn[0].findobj(Text) if isinstance(text, Text)]
    assert not [t for t in texts if is_math_text(t.get_text()) and t.get_parse_math()]
    assert "\x1b" not in "".join(t.get_text() for t in texts) and max(len(t.get_text()) for t in texts) < 130
