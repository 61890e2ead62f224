"""Frozen image encoders: which there are, what identifies them, and a slide's embeddings, computed once.

The default travels in a Python package and needs no network. Every other encoder comes through timm. How a
network is loaded stands in encoder_networks.py.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from stbench.errors import UnknownName
from stbench.files import hash_file
from stbench.preprocess.cache import Identity, array_path, cached_array
from stbench.preprocess.encoder_networks import embedder, packaged_network, packaged_weights, timm_network
from stbench.preprocess.patches import PatchSize, patch_identity, patches_of
from stbench.slide import Slide

BATCH = 32
DEFAULT_ENCODER = "efficientnet_lite0"


class Encoder(NamedTuple):
    """One frozen encoder: its timm model, embedding width, and where its weights come from."""

    name: str
    timm_name: str
    width: int
    weights: str
    access: str


ENCODERS = {
    e.name: e
    for e in (
        Encoder(
            DEFAULT_ENCODER, "tf_efficientnet_lite0", 1280, "ImageNet", "installed with stbench, no network"
        ),
        # torchvision's first weights, which EGGN's authors took.
        Encoder("resnet18", "resnet18.tv_in1k", 512, "ImageNet", "downloaded by timm"),
        Encoder("densenet121", "densenet121.ra_in1k", 1024, "ImageNet", "downloaded by timm"),
        Encoder(
            "vit_base",
            "vit_base_patch16_224.augreg2_in21k_ft_in1k",
            768,
            "ImageNet-21k",
            "downloaded by timm",
        ),
        Encoder("deit_base", "deit_base_patch16_224.fb_in1k", 768, "ImageNet", "downloaded by timm"),
        Encoder(
            "uni",
            "hf-hub:MahmoodLab/UNI",
            1024,
            "Mass-100K pathology",
            "gated: https://huggingface.co/MahmoodLab/UNI",
        ),
        Encoder(
            "virchow",
            "hf-hub:paige-ai/Virchow",
            2560,
            "pathology",
            "gated: https://huggingface.co/paige-ai/Virchow",
        ),
        Encoder(
            "virchow2",
            "hf-hub:paige-ai/Virchow2",
            2560,
            "pathology",
            "gated: https://huggingface.co/paige-ai/Virchow2",
        ),
    )
}


def find_encoder(name: str) -> Encoder:
    """The encoder of that name; UnknownName with near names."""
    if name not in ENCODERS:
        raise UnknownName("encoder", name, ENCODERS)
    return ENCODERS[name]


def encoder_identity(name: str) -> Identity:
    """Name, weights and transform of an encoder, found without loading it."""
    encoder = find_encoder(name)
    packaged = name == DEFAULT_ENCODER
    weights = hash_file(packaged_weights()) if packaged else encoder.timm_name
    return {
        "encoder": name,
        "weights": weights,
        "transform": "half" if packaged else "timm",
        "dtype": "float32",
    }


def embedding_identity(slide: Slide, name: str, size: PatchSize) -> Identity:
    """Everything that a slide's embeddings depend on."""
    return encoder_identity(name) | {"patches": patch_identity(slide, size)}


def embeddings_cached(slide: Slide, name: str, size: PatchSize) -> bool:
    """Whether the embeddings of that slide are in the cache."""
    return array_path("embeddings", embedding_identity(slide, name, size)).is_file()


def embeddings_of(
    slide: Slide,
    name: str,
    size: PatchSize,
    device: str = "cpu",
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """(n_spots, width) float32 embeddings of a slide's patches; `progress` hears of (patches done, patches)."""

    def compute(path: Path) -> None:
        embed = load_encoder(name, device)
        patches = patches_of(slide, size)
        blocks = []
        for start in range(0, len(patches), BATCH):
            blocks.append(embed(np.array(patches[start : start + BATCH])))
            if progress:
                progress(min(start + BATCH, len(patches)), len(patches))
        with path.open("wb") as file:
            np.save(file, np.concatenate(blocks))

    return cached_array("embeddings", embedding_identity(slide, name, size), compute)


def load_encoder(name: str, device: str = "cpu") -> Callable[[np.ndarray], np.ndarray]:
    """A function from (n, edge, edge, 3) uint8 patches to (n, width) float32 embeddings.

    Raises UnknownName, and EncoderError where the weights cannot be had.
    """
    encoder = find_encoder(name)
    if name == DEFAULT_ENCODER:
        return embedder(packaged_network(), device)
    place = encoder.access.removeprefix("gated: ")
    gated = place != encoder.access
    remedy = (
        f"accept the terms at {place} and run `huggingface-cli login`"
        if gated
        else "connect to the network once"
    )
    remedy += f", or take --encoder {DEFAULT_ENCODER}, which needs none of this"
    return embedder(timm_network(name, encoder.timm_name, remedy), device)
