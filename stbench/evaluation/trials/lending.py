"""What a sealed child is lent of this machine's caches: published weights, and nothing that holds anybody's data."""

from __future__ import annotations

import os
from pathlib import Path

from stbench.files import cache_root
from stbench.preprocess.weights import FOLDER

# Where libraries look below a process's own cache folder, which is its workplace.
_STBENCH, _HUGGING_FACE, _TORCH = "stbench", "huggingface/hub", "torch/hub/checkpoints"


def lent_caches() -> dict[str, Path]:
    """Folders by the place below the workplace at which the child finds them.

    Of the hub's cache, models only: it holds datasets too, and a token beside them.
    """
    lent = {f"{_STBENCH}/{FOLDER}": cache_root() / FOLDER, _TORCH: _torch_home() / "hub" / "checkpoints"}
    lent |= {f"{_HUGGING_FACE}/{model.name}": model for model in sorted(_hub().glob("models--*"))}
    return {inside: folder.resolve() for inside, folder in lent.items() if folder.is_dir()}


def _user_caches() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def _torch_home() -> Path:
    return Path(os.environ.get("TORCH_HOME") or _user_caches() / "torch")


def _hub() -> Path:
    home = Path(os.environ.get("HF_HOME") or _user_caches() / "huggingface")
    return Path(os.environ.get("HF_HUB_CACHE") or home / "hub")
