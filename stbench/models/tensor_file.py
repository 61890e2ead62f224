"""Arrays and one JSON document as the bytes of a safetensors file: numbers and text, nothing that runs when it is read.

The header holds the document and a SHA-256 of document and arrays, so that a byte that changed is found.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from stbench.errors import StorageError

_DOCUMENT, _CHECKSUM = "stbench", "sha256"
# What safetensors and numpy both have.
_KINDS = ("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64")


class TensorFile(NamedTuple):
    """Arrays by name, the document beside them, and their checksum as hex digits."""

    arrays: dict[str, np.ndarray]
    document: Any
    checksum: str


def to_bytes(arrays: Mapping[str, np.ndarray], document: Any) -> bytes:
    """The file of these arrays and this JSON value; StorageError for what is neither numbers nor JSON."""
    from safetensors.numpy import save

    whole = {name: _plain(name, array) for name, array in arrays.items()}
    try:
        text = json.dumps(document, allow_nan=False, sort_keys=True)
    except (TypeError, ValueError) as error:
        raise StorageError(f"It cannot be kept, for it holds something that is no JSON: {error}.") from error
    return save(whole, {_DOCUMENT: text, _CHECKSUM: _checksum(text, whole)})


def of_bytes(data: bytes, name: str) -> TensorFile:
    """What `to_bytes` was given; StorageError where `name` is no such file, or no longer what was written."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        size = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + size])
        about = header["__metadata__"]
        text, checksum = about[_DOCUMENT], about[_CHECKSUM]
        # Copied, because BLAS may round otherwise where an array does not begin at a round address.
        arrays = {key: np.array(array) for key, array in load(data).items()}
    except (SafetensorError, ValueError, KeyError, TypeError, OverflowError, MemoryError) as error:
        raise StorageError(
            f"{name} is no model file of stbench, or it is damaged; copy or make it again."
        ) from error
    if text != _text(text) or checksum != _checksum(text, arrays):
        raise StorageError(
            f"{name} is not what was written: its checksum does not agree with what it holds; copy or make it again."
        )
    return TensorFile(arrays, json.loads(text), checksum)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _plain(name: str, array: np.ndarray) -> np.ndarray:
    """The numbers in the order of their dimensions, in one piece."""
    found = np.asarray(array)
    if str(found.dtype) not in _KINDS:
        raise StorageError(f"It cannot be kept, for {name} holds {found.dtype} values; numbers are needed.")
    return np.array(found, order="C")


def _checksum(text: str, arrays: Mapping[str, np.ndarray]) -> str:
    """SHA-256 over the document and, name by name, each array's kind, shape and bytes."""
    digest = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"\n{name} {array.dtype} {list(array.shape)}\n".encode())
        if array.size:
            digest.update(array.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()
