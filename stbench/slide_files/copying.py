"""A dataset's files copied elsewhere, for the copies in which one slide's counts are replaced by noise."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from stbench.files import make_folder, replacing

from .images import SUFFIXES


def copy_file(path: Path, target: Path) -> None:
    """Copy a file; an image, which is large and never written, is hard-linked where the disk allows it."""
    make_folder(target.parent)
    if path.name.lower().removesuffix(".gz").endswith(SUFFIXES):
        target.unlink(missing_ok=True)
        try:
            os.link(path, target)
            return
        except OSError:
            pass  # another disk, or a link that the system forbids: copy instead
    with replacing(target) as temporary:
        shutil.copyfile(path, temporary)
