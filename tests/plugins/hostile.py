"""A dataset and two methods whose every name and note means something to a terminal, a shell, a table or a page."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

import numpy as np
from plugins import hostile_methods
from plugins.hostile_methods import WORDS
from tiny_slides import N_GENES, make_slide

from stbench.contract import Dataset, SlideSource
from stbench.slide import Slide

# As folders they name plugins: no dot, slash, comma or colon.
DATASET, NOTED, FAILING = "a$x$ [red]|<b>", "=note[s]$1$<i>", "[red]fails*2*"
# Two of them are the same name once a file system's odd characters are gone.
SLIDES = {
    '=$x_1$|\'/C [red] {} "d"': "@first",
    "a|b": "-third<script>alert(1)</script>",
    "a<b": "-third<script>alert(1)</script>",
    "../\x1b[31mup\x1b[0m\x07\u202egpj" + "s" * 400: "\x9b4`fourth`\n# heading",
}
GENES = (
    "$g_1$ $^$", "[red]g[/red]", "{g}{", "'\"", "g|h", "<img src=x onerror=alert(1)>", "=g()", "+g", "@g", "-g",
    "*g*", "_g_", "[g](http://x.y)", "&lt;g&amp;", "\\g$", "\x1b[32mg\x07", "\u202eg", "G" * 400, "%{y}", "g\nh",
)  # fmt: skip
LABELS = ("_$tumour$", "<b>stroma|")


class HostileSlides(Dataset):
    """Four small slides below any folder."""

    def slides(self, root: Path) -> list[SlideSource]:
        return [_source(root, *named) for named in enumerate(SLIDES)]


def _source(root: Path, number: int, name: str) -> SlideSource:
    files = {part: root / f"{number}.{part}" for part in ("png", "npy")}
    return SlideSource(name, SLIDES[name], files, partial(_read, root, number, name))


def _read(root: Path, number: int, name: str) -> Slide:
    genes = GENES + tuple(f"G{i}" for i in range(len(GENES), N_GENES))
    # One slide is enough: clustering takes most of the time.
    labels = np.array(LABELS)[np.arange(36) % 2] if number == 0 else None
    changes = {"id": name, "genes": genes, "annotation": labels}
    return make_slide(root, str(number), SLIDES[name], seed=number, **changes)


def write_plugins(folder: Path) -> tuple[Path, Path, Path]:
    """Write the plugins and the slides' files below a folder; where datasets, methods and slides lie."""
    card = "title: '{0}'\nsummary: '{0}'\n".format(WORDS.splitlines()[0].replace("\x1b", ""))
    facts = "citation: none\nlicence: none\nplatform: ST\nn_slides: 4\nn_patients: 3\n"
    _write(folder / "datasets" / DATASET, "plugins.hostile", "HostileSlides", card + facts)
    for name, plugin in ((NOTED, "Noted"), (FAILING, "Failing")):
        _write(folder / "methods" / name, ".method", plugin, card + "family: fixture\n")
        # A sealed process reads the plugin's own folder only.
        shutil.copy(hostile_methods.__file__, folder / "methods" / name / "method.py")
    slides = folder / "slides"
    for number, name in enumerate(SLIDES):
        np.save(slides / f"{number}.npy", _read(slides, number, name).counts.toarray())
    return folder / "datasets", folder / "methods", slides


def _write(folder: Path, module: str, plugin: str, card: str) -> None:
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(f"from {module} import {plugin} as plugin\n")
    (folder / "card.yaml").write_text(card)
