"""Arrays under whatever names slides have."""

from __future__ import annotations

import numpy as np

from stbench.reporting.results.array_files import read_arrays

NAMES = ("a", "a.npy", "../../b\nc/d", "\x1b[31m", "x" * 400, "file", "é|<b>$")


def test_each_array_keeps_its_name(tmp_path):
    np.savez(tmp_path / "arrays.npz", **{f"slide {name}": np.full(2, i) for i, name in enumerate(NAMES)})
    found = read_arrays(tmp_path / "arrays.npz", "slide ")
    assert {name: array[0] for name, array in found.items()} == {name: i for i, name in enumerate(NAMES)}
