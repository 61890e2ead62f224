"""Plugins that try to get at the truth, copied to where they can be told what lies where on this machine."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

CHEATS = Path(__file__).parent / "cheats"
# A hard link in a plugin's own folder is read like any file of its own: that one is the audit's to find.
READABLE_BY_DESIGN = "hard_link"


def cheat_names() -> list[str]:
    """All cheats, as folders are named."""
    return sorted(card.parent.name for card in CHEATS.glob("*/card.yaml"))


def cheats(to: Path, data: Path, names: Iterable[str] | None = None, earlier: Path | None = None) -> Path:
    """A folder of plugins ready to cheat.

    data     the folder of the slides' own files
    earlier  the results of a run that ended already
    """
    for name in cheat_names() if names is None else names:
        folder = to / name
        shutil.copytree(CHEATS / name, folder, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copyfile(Path(__file__).parent / "cheat.py", folder / "cheat.py")
        sought = earlier / "truths" if earlier and name == "reads_truths" else data
        (folder / "where.txt").write_text(str(sought))
        if name == READABLE_BY_DESIGN:
            for file in data.glob("*.npz"):
                (folder / file.name).hardlink_to(file)
    return to
