"""Frames: what is sent arrives, and what is no frame is refused whatever it is."""

from __future__ import annotations

import json
import pickle
import socket
import struct
import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as of_numpy

from stbench.evaluation.trials.frames import BadFrame, Frame, FrameReader, packed, receive, send

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
NUMBERS = st.one_of(
    of_numpy.floating_dtypes(sizes=(32, 64)), of_numpy.integer_dtypes(), of_numpy.boolean_dtypes()
)
ARRAYS = of_numpy.arrays(NUMBERS, of_numpy.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
ENOUGH = 1 << 20


def frame_bytes(kind: str, value: Any = None, arrays: Any = ()) -> bytes:
    return b"".join(packed(kind, value, arrays))


def forged(header: Any, payload: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<QQ", len(text), len(payload)) + text + payload


def assert_same(frame: Frame, kind: str, value: Any, arrays: Any) -> None:
    assert (frame.kind, frame.value, len(frame.arrays)) == (kind, value, len(arrays))
    for found, sent in zip(frame.arrays, arrays, strict=True):
        assert (found.dtype, found.shape) == (sent.dtype, sent.shape)
        np.testing.assert_array_equal(found, sent)


@given(st.text(), PLAIN, st.lists(ARRAYS, max_size=3), st.integers(1, 50))
def test_a_frame_arrives_as_it_was_sent_in_pieces_of_any_size(kind, value, arrays, step):
    content, reader = frame_bytes(kind, value, arrays), FrameReader(ENOUGH)
    frames = [f for i in range(0, len(content), step) for f in reader.feed(content[i : i + step])]
    assert len(frames) == 1
    assert_same(frames[0], kind, value, arrays)


def test_arrays_in_any_order_of_memory_arrive():
    arrays = [np.arange(12.0).reshape(3, 4).T, np.arange(10)[::2], np.zeros((0, 3)), np.array(7)]
    assert_same(FrameReader(ENOUGH).feed(frame_bytes("x", None, arrays))[0], "x", None, arrays)


def test_several_frames_in_one_block_arrive_one_by_one():
    content = frame_bytes("one", 1) + frame_bytes("two", 2) + frame_bytes("three")[:10]
    assert [frame.value for frame in FrameReader(ENOUGH).feed(content)] == [1, 2]


def test_a_large_frame_goes_over_a_socket():
    here, there = socket.socketpair()
    array = np.random.default_rng(0).normal(size=(500, 500))
    sender = threading.Thread(target=lambda: (send(there, "large", [1], [array]), there.close()))
    sender.start()
    frame = receive(here)
    assert frame is not None
    assert_same(frame, "large", [1], [array])
    assert receive(here) is None
    sender.join()
    here.close()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"a": [-float("inf")]}])
def test_what_is_no_number_of_json_is_not_sent(value):
    with pytest.raises(ValueError):
        packed("x", value)


@pytest.mark.parametrize("value", [object(), {1, 2}, np.zeros(3), b"bytes", np.float32(1)])
def test_what_is_not_plain_is_not_sent(value):
    with pytest.raises(TypeError):
        packed("x", value)


GOOD = {"kind": "x", "value": None, "arrays": []}
FORGED = {
    "no JSON": forged(b"\xff\x00{"),
    "a pickle": forged(pickle.dumps(GOOD)),
    "NaN": forged(b'{"kind": "x", "value": NaN, "arrays": []}'),
    "infinity": forged(b'{"kind": "x", "value": [-Infinity], "arrays": []}'),
    "a list": forged([1, 2]),
    "a number": forged(3),
    "nothing": forged(b""),
    "no kind": forged({"value": 1, "arrays": []}),
    "a kind that is no text": forged({**GOOD, "kind": 3}),
    "arrays that are a number": forged({**GOOD, "arrays": 3}),
    "an array without shape": forged({**GOOD, "arrays": [["<f8"]]}),
    "an array of objects": forged({**GOOD, "arrays": [["|O", [1]]]}, b"12345678"),
    "an array of texts": forged({**GOOD, "arrays": [["<U2", [1]]]}, b"12345678"),
    "an array of records": forged({**GOOD, "arrays": [["<f8,<f8", [1]]]}, b"12345678"),
    "a type that is a list": forged({**GOOD, "arrays": [[[["a", "<f8"]], [1]]]}, b"12345678"),
    "a type with a line more": forged({**GOOD, "arrays": [["<f8\n", [1]]]}, b"12345678"),
    "a type that numpy lacks": forged({**GOOD, "arrays": [["<f1", [1]]]}, b"1"),
    "a shape of texts": forged({**GOOD, "arrays": [["<f8", ["1"]]]}, b"12345678"),
    "a shape of fractions": forged({**GOOD, "arrays": [["<f8", [1.0]]]}, b"12345678"),
    "a shape of truths": forged({**GOOD, "arrays": [["<f8", [True]]]}, b"12345678"),
    "a negative shape": forged({**GOOD, "arrays": [["<f8", [-1]]]}, b"12345678"),
    "a shape too large for numbers": forged({**GOOD, "arrays": [["<f8", [2**62, 2**62, 0]]]}),
    "a shape of many dimensions": forged({**GOOD, "arrays": [["<f8", [1] * 100]]}, b"12345678"),
    "an array cut off": forged({**GOOD, "arrays": [["<f8", [2]]]}, b"12345678"),
    "bytes that are nobody's": forged({**GOOD, "arrays": [["<f8", [1]]]}, b"123456789"),
    "lists in lists": forged(
        b'{"kind": "x", "arrays": [], "value": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    ),
    "a number of many digits": forged(b'{"kind": "x", "arrays": [], "value": ' + b"9" * 100_000 + b"}"),
}


@pytest.mark.parametrize("content", FORGED.values(), ids=FORGED)
def test_a_forged_frame_is_refused(content):
    with pytest.raises(BadFrame):
        FrameReader(ENOUGH).feed(content)


@given(st.binary(min_size=16, max_size=200))
def test_garbage_is_refused_or_waits_for_more(content):
    reader = FrameReader(100)
    try:
        assert reader.feed(content) == []
    except BadFrame:
        return
    assert reader.wanted > 0


@given(PLAIN, ARRAYS, st.data())
def test_a_frame_with_one_byte_changed_is_refused_or_is_a_frame(value, array, data):
    content = bytearray(frame_bytes("x", value, [array]))
    place = data.draw(st.integers(16, len(content) - 1))
    content[place] = data.draw(st.integers(0, 255))
    try:
        (frame,) = FrameReader(ENOUGH).feed(bytes(content))
    except BadFrame:
        return
    assert isinstance(frame.kind, str) and all(array.dtype.kind in "fiub" for array in frame.arrays)


@pytest.mark.parametrize("lengths", [(2**40, 0), (10, 1001), (2**64 - 1, 2**64 - 1), (0, 2**63)])
def test_a_huge_frame_is_refused_before_it_is_read(lengths):
    with pytest.raises(BadFrame, match="more than it was asked for"):
        FrameReader(1000).feed(struct.pack("<QQ", *lengths))


def test_as_many_bytes_of_arrays_as_allowed_are_taken_and_not_one_more():
    content = frame_bytes("x", None, [np.zeros(10, np.uint8)])
    assert FrameReader(10).feed(content)
    with pytest.raises(BadFrame):
        FrameReader(9).feed(content)
