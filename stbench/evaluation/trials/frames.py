"""Frames: JSON and arrays over a stream of bytes. Nothing in them can run anything where they are read.

A frame is two lengths (8 bytes each, little-endian), a JSON header and the arrays' bytes one after the other. The
header holds a kind, a plain value, and each array's type and shape. What comes from a child is believed in nothing:
a reader has a bound, refuses what is no frame, and takes numbers only.
"""

from __future__ import annotations

import json
import math
import re
import socket
import struct
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from stbench.errors import MethodError

_LENGTHS = struct.Struct("<QQ")
_LONGEST_HEADER = 64 << 20
_TYPE = re.compile(r"[<>|][fiub](1|2|4|8)")
_NO_LIMIT = 1 << 62


class Frame(NamedTuple):
    """One message: its kind, a plain value, and arrays."""

    kind: str
    value: Any = None
    arrays: tuple[np.ndarray, ...] = ()


class BadFrame(MethodError):
    """What was sent is no frame, or more than was asked for."""


def packed(kind: str, value: Any = None, arrays: Sequence[np.ndarray] = ()) -> list[bytes | memoryview]:
    """The pieces of a frame, to be sent one after the other; TypeError or ValueError for what is not plain."""
    contiguous = [np.ascontiguousarray(array) for array in arrays]
    header = {"kind": kind, "value": value, "arrays": [[a.dtype.str, list(np.shape(a))] for a in arrays]}
    text = json.dumps(header, allow_nan=False).encode()
    payload = [array.reshape(-1).view(np.uint8).data for array in contiguous if array.size]
    return [_LENGTHS.pack(len(text), sum(map(len, payload))), text, *payload]


def send(to: socket.socket, kind: str, value: Any = None, arrays: Sequence[np.ndarray] = ()) -> None:
    """Send one frame whole."""
    for piece in packed(kind, value, arrays):
        to.sendall(piece)


def receive(stream: socket.socket) -> Frame | None:
    """The next frame from somebody who is trusted, None where the stream has ended."""
    reader = FrameReader(_NO_LIMIT)
    while block := stream.recv(min(reader.wanted, 1 << 24), socket.MSG_WAITALL):
        if frames := reader.feed(block):
            return frames[0]
    return None


class FrameReader:
    """Makes frames of bytes as they come; BadFrame where they are none, or hold more than `most_bytes` of arrays."""

    def __init__(self, most_bytes: int):
        self.most_bytes = most_bytes
        self._held = bytearray()
        self._lengths: tuple[int, int] | None = None

    @property
    def wanted(self) -> int:
        """How many bytes are still missing until something can be made of them; never 0."""
        whole = _LENGTHS.size if self._lengths is None else sum(self._lengths)
        return max(1, whole - len(self._held))

    def feed(self, block: bytes) -> list[Frame]:
        """The frames that are whole now."""
        self._held += block
        frames = []
        while (frame := self._next()) is not None:
            frames.append(frame)
        return frames

    def _next(self) -> Frame | None:
        if self._lengths is None:
            if len(self._held) < _LENGTHS.size:
                return None
            self._lengths = _LENGTHS.unpack(self._held[: _LENGTHS.size])
            del self._held[: _LENGTHS.size]
            if self._lengths[0] > _LONGEST_HEADER or self._lengths[1] > self.most_bytes:
                raise BadFrame("It sent more than it was asked for.")
        n_header, n_payload = self._lengths
        if len(self._held) < n_header + n_payload:
            return None
        header, payload = bytes(self._held[:n_header]), bytes(self._held[n_header : n_header + n_payload])
        del self._held[: n_header + n_payload]
        self._lengths = None
        return _frame(header, payload)


def _frame(header: bytes, payload: bytes) -> Frame:
    try:
        plain = json.loads(header, parse_constant=_refuse)
        kind, value, listed = plain["kind"], plain["value"], plain["arrays"]
        arrays, start = [], 0
        for name, shape in listed:
            array = _array(name, shape, payload, start)
            start += array.nbytes
            arrays.append(array)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadFrame("It sent something that is no result.") from error
    if not isinstance(kind, str) or start != len(payload):
        raise BadFrame("It sent something that is no result.")
    return Frame(kind, value, tuple(arrays))


def _array(name: str, shape: Sequence[int], payload: bytes, start: int) -> np.ndarray:
    if not _TYPE.fullmatch(name) or any(type(n) is not int or n < 0 for n in shape):
        raise ValueError(f"an array of type {name!r} and shape {shape!r}")
    kind = np.dtype(name)
    size = math.prod(shape)
    if start + size * kind.itemsize > len(payload):
        raise ValueError("an array is cut off")
    return np.frombuffer(payload, kind, size, start).reshape(shape)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number of JSON")
