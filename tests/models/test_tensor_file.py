"""Arrays and a document as bytes: safetensors reads them, a changed byte is found out, nothing could run."""

from __future__ import annotations

import json
import pickletools

import numpy as np
import pytest
from safetensors.numpy import load, save

from stbench.errors import StorageError
from stbench.models.tensor_file import of_bytes, to_bytes

ARRAYS = {
    "floats": np.arange(12, dtype=np.float64).reshape(3, 4).T,  # not in one piece
    "backwards": np.arange(5, dtype=np.float32)[::-1],
    "whole": np.array([[1, -2]], dtype=np.int64),
    "truths": np.array([True, False]),
    "number": np.array(2.5),
    "none": np.empty((0, 3), dtype=np.float32),
}
DOCUMENT = {"words": "µ", "list": [1, 2.5, None, True]}


def test_what_was_written_comes_back():
    found = of_bytes(to_bytes(ARRAYS, DOCUMENT), "it")
    assert found.document == DOCUMENT and found.arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert found.arrays[name].dtype == array.dtype and found.arrays[name].shape == array.shape
        np.testing.assert_array_equal(found.arrays[name], array)


def test_safetensors_reads_it_without_us():
    data = to_bytes(ARRAYS, DOCUMENT)
    np.testing.assert_array_equal(load(data)["floats"], ARRAYS["floats"])
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    assert json.loads(header["__metadata__"]["stbench"]) == DOCUMENT


def test_any_changed_byte_is_one_sentence():
    data = to_bytes(ARRAYS, DOCUMENT)
    for place in range(len(data)):
        changed = bytearray(data)
        changed[place] ^= 1
        try:
            found = of_bytes(bytes(changed), "model.stbm")
        except StorageError as error:
            assert "model.stbm" in str(error) and str(error).count("\n") == 0
        else:  # a blank beside the header's last bracket, at most
            assert found.checksum == of_bytes(data, "it").checksum and data[place : place + 1] == b" "


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"\x80\x04", save({"a": np.zeros(2)}), b"\xff" * 64])
def test_another_file_is_refused(data):
    with pytest.raises(StorageError, match="no model file"):
        of_bytes(data, "other")


@pytest.mark.parametrize("array", [np.array(["a"]), np.array([{}]), np.array([1j])])
def test_what_is_no_number_is_refused(array):
    with pytest.raises(StorageError, match="numbers are needed"):
        to_bytes({"a": array}, {})


@pytest.mark.parametrize("document", [{"a": float("nan")}, {"a": {1, 2}}, {"a": np.zeros(2)}])
def test_what_is_no_json_is_refused(document):
    with pytest.raises(StorageError, match="no JSON"):
        to_bytes({}, document)


def test_nothing_in_it_is_a_pickle_or_an_archive():
    """A pickle of protocol 2 on begins with 0x80 and its number, and ends with a dot; an archive begins with PK."""
    data = to_bytes({"weights": np.linspace(-1, 1, 5000, dtype=np.float32)}, DOCUMENT)
    assert not data.startswith((b"\x80", b"PK")) and b"PK\x03\x04" not in data and b"PK\x05\x06" not in data
    for protocol in range(2, 6):
        for start in (i for i in range(len(data) - 1) if data[i : i + 2] == bytes([0x80, protocol])):
            with pytest.raises(Exception):  # noqa: B017 - whatever a reader of pickles says to what is none
                list(pickletools.genops(data[start:]))
