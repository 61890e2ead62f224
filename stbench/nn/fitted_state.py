"""A fitted network as arrays and plain values, and back: what a neural method's `state` and `restore` are made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np
import torch
from torch import nn

from stbench.contract import FittedState
from stbench.errors import MethodError

_PREFIX = "network."

Network = TypeVar("Network", bound=nn.Module)


def network_state(
    network: nn.Module, bank: Mapping[str, np.ndarray] | None = None, **plain: Any
) -> FittedState:
    """The network's weights and buffers, beside them what else predicts.

    bank   arrays of training spots, measured profiles among them, where the method predicts from these
    plain  what the network has to be built with before the weights fit
    """
    weights = {
        f"{_PREFIX}{name}": tensor.detach().cpu().numpy() for name, tensor in network.state_dict().items()
    }
    return FittedState({**weights, **(bank or {})}, plain, holds_expression=bank is not None)


def with_weights(network: Network, state: FittedState, device: str = "cpu") -> Network:
    """The network with the weights that `network_state` kept, there; MethodError where they do not fit it.

    They are copied into the network's own memory, so that they lie there as they did when it was trained.
    """
    weights = {
        name.removeprefix(_PREFIX): torch.tensor(array)
        for name, array in state.arrays.items()
        if name.startswith(_PREFIX)
    }
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:300]
        raise MethodError(f"The weights do not fit {type(network).__name__}: {reason}") from error
    return network.to(device)
