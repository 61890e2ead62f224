"""The global random states of python, numpy and torch, read and set together."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch


def random_states(device: torch.device) -> dict[str, Any]:
    """Today's states, that of the accelerator too where `device` is one."""
    return {
        "python": random.getstate(),
        "numpy": np.random.get_state(),
        "torch": torch.get_rng_state(),
        "accelerator": _accelerator(device).get_rng_state(*_which(device)) if device.type != "cpu" else None,
    }


def set_random_states(device: torch.device, states: dict[str, Any]) -> None:
    """Everything random goes on as from the moment at which `random_states` was asked."""
    random.setstate(states["python"])
    np.random.set_state(states["numpy"])
    torch.set_rng_state(states["torch"])
    if device.type != "cpu":
        _accelerator(device).set_rng_state(states["accelerator"], *_which(device))


@contextlib.contextmanager
def random_states_kept(device: torch.device) -> Iterator[None]:
    """Whatever is drawn inside, the global random states are as before afterwards."""
    before = random_states(device)
    try:
        yield
    finally:
        set_random_states(device, before)


def _accelerator(device: torch.device) -> Any:
    """torch.cuda or torch.mps."""
    return getattr(torch, device.type)


def _which(device: torch.device) -> tuple[torch.device, ...]:
    """Of several cards the one that is meant; MPS has one and takes no name of it."""
    return () if device.type == "mps" else (device,)
