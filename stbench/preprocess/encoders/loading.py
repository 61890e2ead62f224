"""One encoder as a function from patches to embeddings, whose every answer is looked at."""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import numpy as np

from stbench.errors import EncoderError, PluginError, StbenchError
from stbench.preprocess.encoders.finding import DEFAULT_ENCODER, SOURCE, Encoder, find_encoder
from stbench.preprocess.encoders.identity import encoder_identity, remedy_for
from stbench.preprocess.encoders.networks import Embed, conch, embedder, hub_network, packaged_network

# What a plugin's modules are called while they are loaded.
_MODULES = "stbench_encoder_"


def load_encoder(name: str, device: str = "cpu") -> Embed:
    """A function from (n, edge, edge, 3) uint8 patches to (n, width) float32 embeddings.

    Raises UnknownName; EncoderError where the weights cannot be had, and from the function where what comes is not
    what the card says; PluginError for a plugin that does not load.
    """
    encoder = find_encoder(name)
    return _watched(encoder, unwatched_encoder(encoder, device))


def unwatched_encoder(encoder: Encoder, device: str) -> Embed:
    """The encoder as it is, whose answers nobody looks at."""
    if encoder.folder is not None:
        return _of_plugin(encoder, device)
    if encoder.name == DEFAULT_ENCODER:
        return embedder(packaged_network(), device)
    if encoder.name == "conch":
        return conch(encoder.card, remedy_for(encoder), device)
    return embedder(hub_network(encoder.card, remedy_for(encoder)), device)


def _of_plugin(encoder: Encoder, device: str) -> Embed:
    """What `load` of a plugin gives, as it is; PluginError or EncoderError, one sentence, where it gives nothing."""
    encoder_identity(encoder.name)  # weights that are missing, or not those of the card, are found out before
    load = getattr(_imported(encoder), "load", None)
    if not callable(load):
        raise PluginError(
            f"Encoder {encoder.name}: {encoder.folder}/{SOURCE} has no function load(device); write it."
        )
    embed = _calling(encoder, "cannot be loaded", lambda: load(device))
    if not callable(embed):
        raise PluginError(
            f"Encoder {encoder.name}: load gave {_kind(embed)}; it should give a function from patches to embeddings."
        )
    return cast(Embed, embed)


def fault_of(values: Any, n: int, width: int) -> str | None:
    """What is wrong with the embeddings of n patches, None for nothing."""
    if not isinstance(values, np.ndarray):
        return f"gave {_kind(values)}, and a NumPy array is promised"
    if values.dtype != np.float32:
        return f"gave numbers of type {values.dtype}, and float32 is promised"
    if values.shape != (n, width):
        return f"gave the shape {values.shape} for {n} patch{'' if n == 1 else 'es'}, and ({n}, {width}) is promised"
    wrong = int((~np.isfinite(values)).any(axis=1).sum())
    return f"gave numbers that are not finite for {wrong} of {n} patches" if wrong else None


def _watched(encoder: Encoder, embed: Embed) -> Embed:
    """The function, with an EncoderError, one sentence, where it fails or what comes is not as promised."""

    def watched(patches: np.ndarray) -> np.ndarray:
        values = _calling(encoder, "failed", lambda: embed(patches))
        fault = fault_of(values, len(patches), encoder.card.width)
        if fault:
            raise EncoderError(
                f"Encoder {encoder.name} {fault}; `stbench check --encoder {encoder.name}` says more."
            )
        return values

    return watched


def _calling(encoder: Encoder, what: str, call: Callable[[], Any]) -> Any:
    try:
        return call()
    except StbenchError:
        raise
    except Exception as error:
        raise EncoderError(f"Encoder {encoder.name} {what}: {type(error).__name__}: {error}.") from error


def _imported(encoder: Encoder) -> ModuleType:
    """A plugin's encoder.py, run now; it may import the other files of its folder as those of its package."""
    try:
        if encoder.package:
            return importlib.import_module(f"{encoder.package}.{Path(SOURCE).stem}")
        return _from_folder(encoder)
    except Exception as error:
        raise PluginError(f"Encoder {encoder.name} at {encoder.folder} does not load: {error!r}.") from error


def _from_folder(encoder: Encoder) -> ModuleType:
    folder, name = encoder.folder, _MODULES + re.sub(r"\W", "_", encoder.name)
    assert folder is not None, "a plugin has a folder"
    for known in [known for known in sys.modules if known == name or known.startswith(f"{name}.")]:
        del sys.modules[known]  # of before the files were edited
    spec = importlib.util.spec_from_file_location(
        name, folder / SOURCE, submodule_search_locations=[str(folder)]
    )
    assert spec is not None and spec.loader is not None, "a .py file has a loader"
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _kind(value: Any) -> str:
    return "nothing" if value is None else f"an object of type {type(value).__name__}"
