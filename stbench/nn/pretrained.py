"""Networks that start from published ImageNet weights where these lie in the cache, and from random ones elsewhere."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import nn

from stbench.errors import MethodError
from stbench.preprocess.weights import find_weights


class StartedNetwork(NamedTuple):
    """A network, and in words what it started from, for the fit's report."""

    network: nn.Module
    origin: str


def imagenet_network(name: str) -> StartedNetwork:
    """densenet121 and shufflenet_v2_x0_5 of torchvision, or resnet50 of timm, classifier included.

    Random weights are drawn first in any case, so that the random state afterwards does not depend on what the
    cache holds. Without the file: those, with one warning a process. MethodError where the file does not fit.
    Weights lie channels last in memory, which convolutions follow whatever they are given and which is faster on
    the CPU.
    """
    weights = find_weights(name)
    network = untrained_network(name)
    if not weights.file.is_file():
        _warn_once(name, str(weights.file))
        return StartedNetwork(network, f"{name}: random, no ImageNet weights at hand")
    try:
        stored = torch.load(weights.file, map_location="cpu", weights_only=True)
        network.load_state_dict({_renamed(key): tensor for key, tensor in stored.items()})
    except (RuntimeError, ValueError, EOFError, OSError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise MethodError(
            f"The weights in {weights.file} do not fit {name} ({reason}); delete the file."
        ) from error
    return StartedNetwork(network, f"{name}: ImageNet ({weights.file.name})")


def untrained_network(name: str) -> nn.Module:
    """The network of that name with random weights, channels last in memory, whatever lies in the cache."""
    return _BUILDERS[name]().to(memory_format=torch.channels_last)  # type: ignore[call-overload]


@functools.cache
def _warn_once(name: str, file: str) -> None:
    warnings.warn(
        f"No ImageNet weights of {name} at {file}: it starts from random weights.",
        stacklevel=3,
    )


def _renamed(key: str) -> str:
    """DenseNet's published file writes norm.1 where torchvision's network says norm1."""
    for layer in ("norm", "relu", "conv"):
        for number in "12":
            key = key.replace(f".{layer}.{number}.", f".{layer}{number}.")
    return key


def _densenet121() -> nn.Module:
    from torchvision.models import densenet121

    return densenet121(weights=None)


def _shufflenet() -> nn.Module:
    from torchvision.models import shufflenet_v2_x0_5

    return shufflenet_v2_x0_5(weights=None)


def _resnet50() -> nn.Module:
    import timm

    return timm.create_model("resnet50", pretrained=False)


_BUILDERS: dict[str, Callable[[], nn.Module]] = {
    "densenet121": _densenet121,
    "shufflenet_v2_x0_5": _shufflenet,
    "resnet50": _resnet50,
}
