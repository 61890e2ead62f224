"""Published ImageNet weights: where they come from and where they lie. Loading them needs torch; this does not.

They are fetched before any fitting starts, so that a fit opens no network connection. A machine without network
can be given the files by hand, under their own names in the folder `weights` of the cache.
"""

from __future__ import annotations

import hashlib
import os
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from stbench.errors import UnknownName
from stbench.files import cache_root

FOLDER = "weights"
_TIMEOUT_SECONDS = 20
_BLOCK = 1 << 20


class PublishedWeights(NamedTuple):
    """One file of weights; its name ends with the first digits of its SHA-256, by torch's convention."""

    name: str
    url: str

    @property
    def file(self) -> Path:
        """Where the file lies, or would lie."""
        return cache_root() / FOLDER / self.url.rpartition("/")[2]

    @property
    def hash_prefix(self) -> str:
        return self.file.stem.rpartition("-")[2]


WEIGHTS = {
    w.name: w
    for w in (
        PublishedWeights("densenet121", "https://download.pytorch.org/models/densenet121-a639ec97.pth"),
        PublishedWeights(
            "shufflenet_v2_x0_5", "https://download.pytorch.org/models/shufflenetv2_x0.5-f707e7126e.pth"
        ),
        PublishedWeights(
            "resnet50",
            "https://github.com/rwightman/pytorch-image-models/releases/download/v0.1-rsb-weights/resnet50_a1_0-14fe96d1.pth",
        ),
    )
}


def find_weights(name: str) -> PublishedWeights:
    """The weights of that name; UnknownName with near names."""
    if name not in WEIGHTS:
        raise UnknownName("published weights", name, WEIGHTS)
    return WEIGHTS[name]


def weights_at_hand(names: Iterable[str]) -> dict[str, bool]:
    """Which of those weights lie in the cache: what a method starts from is part of its result's identity."""
    return {name: find_weights(name).file.is_file() for name in names}


def fetch_weights(name: str) -> str | None:
    """Have the weights in the cache; else one sentence that says why they are not and what that means."""
    weights = find_weights(name)
    if weights.file.is_file():
        return None
    weights.file.parent.mkdir(parents=True, exist_ok=True)
    partial = weights.file.with_suffix(f".{os.getpid()}.part")
    try:
        digest = _download(weights.url, partial)
        if not digest.startswith(weights.hash_prefix):
            raise OSError(f"its SHA-256 is {digest[:10]}..., {weights.hash_prefix}... was expected")
        partial.replace(weights.file)
    except OSError as error:
        partial.unlink(missing_ok=True)
        return (
            f"ImageNet weights of {name} cannot be fetched ({error}): it starts from random weights, and rows say so. "
            f"To use them, place {weights.url} at {weights.file}."
        )
    return None


def _download(url: str, to: Path) -> str:
    """Write what lies at `url` to a file; the SHA-256 of what was written."""
    digest = hashlib.sha256()
    with urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS) as response, to.open("wb") as file:
        while block := response.read(_BLOCK):
            digest.update(block)
            file.write(block)
    return digest.hexdigest()
