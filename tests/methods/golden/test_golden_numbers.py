"""Every network gives the numbers that its authors' network gave with the same weights."""

from __future__ import annotations

import pytest
import torch
from methods.golden.authors_numbers import MISSING, load

from stbench.registry import method_card, plugins

check = load()
if check is None:
    pytest.skip(MISSING, allow_module_level=True)

# Comparisons of each method in double and in single precision, so that none is left out.
COMPARISONS = {
    "spahgc": (20, 19),
    "eggn": (15, 14),
    "cmrcnet": (16, 15),
    "histogene": (8, 7),
    "hist2st": (21, 20),
    "thitogene": (19, 16),
    "hggep": (21, 20),
    "bleep": (18, 15),
    "mclstexp": (23, 18),
    "m2ost": (11, 10),
    "stnet": (16, 14),
}


# Double precision, the stricter one, compares every network; in single precision CI goes on to these two.
IN_BOTH = ("spahgc", "eggn")


def cases():
    for method in check.CHECKS:
        yield pytest.param(method, "float64", id=f"{method}-float64")
        mark = pytest.mark.acceptance if method in IN_BOTH else pytest.mark.slow
        yield pytest.param(method, "float32", id=f"{method}-float32", marks=mark)


@pytest.mark.parametrize(("method", "precision"), cases())
def test_the_network_gives_the_authors_numbers(method, precision, capsys):
    assert check.failures(method, getattr(torch, precision)) == []
    lines = capsys.readouterr().out.splitlines()
    verdicts = [line for line in lines if line.endswith("   ok")]
    assert len(verdicts) == COMPARISONS[method][precision == "float32"], "a comparison was left out or added"


def test_every_published_method_is_compared_and_no_comparison_is_left_out():
    published = {name for name in plugins("method") if method_card(name).reference}
    assert published == set(check.CHECKS) == set(COMPARISONS)
    assert [sum(counts) for counts in zip(*COMPARISONS.values(), strict=True)] == [188, 168]
