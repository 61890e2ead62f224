"""What tells the results of encoders apart: name, weights by their hash, transform, and the patches."""

from __future__ import annotations

from typing import Any

from stbench.errors import EncoderError
from stbench.files import hash_file, hash_tree, hash_value
from stbench.preprocess.cache import Identity
from stbench.preprocess.encoders import hub
from stbench.preprocess.encoders.finding import DEFAULT_ENCODER, Encoder, find_encoder
from stbench.preprocess.encoders.networks import packaged_weights
from stbench.preprocess.patches import PatchSize, patch_identity
from stbench.slide import Slide


def encoder_identity(name: str) -> Identity:
    """Name, weights and transform of an encoder, found without loading it.

    Of weights that were never had there is no hash: `have_weights` gets them.
    """
    encoder = find_encoder(name)
    weights, transform = _of_weights(encoder)
    return {"encoder": encoder.name, "weights": weights, "transform": transform, "dtype": "float32"}


def encoder_label(name: str) -> str:
    """NAME@HASH, as Records and tables name an encoder."""
    identity = encoder_identity(name)
    return f"{identity['encoder']}@{hash_value(identity)[:8]}"


def weights_known(name: str) -> bool:
    """Whether the identity holds the weights' hash: they are at hand, or were once."""
    encoder = find_encoder(name)
    built_in = encoder.folder is None and encoder.name != DEFAULT_ENCODER
    return not built_in or hub.known_weights(encoder.card.hub) is not None


def have_weights(name: str) -> None:
    """Have the encoder's weights known, downloaded where they never were; EncoderError where they cannot be had."""
    if not weights_known(name):
        encoder = find_encoder(name)
        hub.fetch_weights(encoder.card, remedy_for(encoder))


def remedy_for(encoder: Encoder) -> str:
    """What to do where a built-in encoder's weights cannot be had."""
    card = encoder.card
    remedy = "connect to the network once"
    if card.gated:
        remedy = f"accept the terms at {card.access} and run `huggingface-cli login`"
    elif card.gated is None:
        remedy += f", and see {card.access} whether its terms have to be accepted"
    return f"{remedy}, or take --encoder {DEFAULT_ENCODER}, which needs none of this"


def embedding_identity(slide: Slide, name: str, size: PatchSize) -> Identity:
    """Everything that a slide's embeddings depend on."""
    return encoder_identity(name) | {"patches": patch_identity(slide, size)}


def _of_weights(encoder: Encoder) -> tuple[Any, Any]:
    """Hash of the weights, of a plugin of its source too, and what is done to pixels."""
    card = encoder.card
    if encoder.folder is not None:
        return {"source": hash_tree(encoder.folder), "file": _of_file(encoder)}, "plugin"
    if encoder.name == DEFAULT_ENCODER:
        return hash_file(packaged_weights()), "half"
    known = hub.known_weights(card.hub)
    transform = card.transform.model_dump(mode="json") if card.transform else card.hub
    return known.sha256 if known else f"{card.hub}, never had", transform


def _of_file(encoder: Encoder) -> str:
    """Hash of a plugin's file of weights, else the one that its card declares, "" where there is neither."""
    file, declared = encoder.weights_file, encoder.card.weights_sha256
    if file is None:
        return declared or ""
    if not file.is_file():
        raise EncoderError(f"The weights of encoder {encoder.name} are not at {file}: {encoder.card.access}.")
    found = hash_file(file)
    if declared is not None and found != declared:
        raise EncoderError(
            f"The weights of encoder {encoder.name} at {file} have the SHA-256 {found[:10]}..., and its card declares "
            f"{declared[:10]}...; put the right file there, or mend the card."
        )
    return found
