"""Weights on Hugging Face: had once and pinned, so that another revision is never taken for the same encoder.

What was downloaded first (repository, commit, file, SHA-256) is written down in the folder `weights` of the cache. From
then on that commit is asked for, and a file of another hash is refused.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from stbench.errors import EncoderError
from stbench.files import cache_root, hash_file, read_json_or_none, write_json
from stbench.preprocess.encoders.card import EncoderCard
from stbench.preprocess.weights import FOLDER

# In the order in which timm and transformers look for them.
_FILES = ("model.safetensors", "pytorch_model.bin")


class HubWeights(NamedTuple):
    """One file of weights at one commit of its repository."""

    repository: str
    commit: str
    file: str
    sha256: str


def known_weights(repository: str) -> HubWeights | None:
    """What was written down when the weights were first had, None where they never were."""
    kept = read_json_or_none(_note(repository))
    return HubWeights(**kept) if isinstance(kept, dict) and kept.keys() == set(HubWeights._fields) else None


def fetch_weights(card: EncoderCard, remedy: str) -> Path:
    """The file of the weights in Hugging Face's own cache, downloaded if need be, and what it is written down.

    EncoderError with the remedy where it cannot be had, or is another file than the one that was first had.
    """
    repository = card.hub
    known = known_weights(repository)
    try:
        path = _download(repository, known)
    except Exception as error:
        raise EncoderError(
            f"The weights of encoder {card.name} cannot be had ({type(error).__name__}): {remedy}."
        ) from error
    # Hugging Face's cache keeps each commit in a folder named after it.
    found = HubWeights(repository, path.parent.name, path.name, hash_file(path))
    if known is not None and found.sha256 != known.sha256:
        raise EncoderError(
            f"{path} has the SHA-256 {found.sha256[:10]}..., and {known.sha256[:10]}... was had of {repository} "
            f"before: remove it to have it downloaded again, or remove {_note(repository)} to go on with this one."
        )
    if known is None:
        write_json(_note(repository), found._asdict())
    return path


def _download(repository: str, known: HubWeights | None) -> Path:
    from huggingface_hub import hf_hub_download, try_to_load_from_cache
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    if known is not None:
        return Path(hf_hub_download(repository, known.file, revision=known.commit))
    for file in _FILES:
        if isinstance(cached := try_to_load_from_cache(repository, file), str):
            return Path(cached)
    try:
        return Path(hf_hub_download(repository, _FILES[0]))
    except LocalEntryNotFoundError:  # no network; the repository was not asked
        raise
    except EntryNotFoundError:
        return Path(hf_hub_download(repository, _FILES[1]))


def _note(repository: str) -> Path:
    return cache_root() / FOLDER / f"{repository.replace('/', '--')}.json"
